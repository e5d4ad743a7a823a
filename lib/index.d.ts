// The types of switchyard's public interface, by room; generated.d.ts has what follows from the tables.
export { DeviceTensor, SharedTensor, tensor } from './types/tensor';
export type {
  InputTensor,
  NumberArray,
  ReadOptions,
  SharedTensorHandle,
  Tensor,
  TensorData,
  TensorInfo,
  TensorLike,
  WaitOptions,
} from './types/tensor';
export { checkGPUCapabilities, devices } from './types/device';
export type { BackendProblem, DeviceFeatures, DeviceInfo, DeviceLink, GPUCapabilities } from './types/device';
export type { GraphNode, GraphWorkload, Workload, Workloads, WorkloadType } from './types/workloads';
export { Kernel, Shader } from './types/program';
export type {
  KernelOptions,
  KernelWorkload,
  ParamValue,
  ProgramBinding,
  ProgramParam,
  ProgramScalar,
  ShaderAttribute,
  Source,
} from './types/program';
export { encodePNG } from './types/picture';
export type { Frame, SceneWorkload, ShaderWorkload, StreamedWorkload, StreamOptions } from './types/picture';
export { createContext, GPUContext } from './types/context';
export type { ContextOptions, MemoryUsage, RunOptions, RunResult, Timings } from './types/context';
export { GPUError, ResourceError } from './types/error';
export type { ErrorDetails, ErrorFields } from './types/error';
export { createGPUClusterManager, GPUClusterManager } from './types/cluster';
export type { GPUResult, JobOptions, JobPart, ManagerEvents } from './types/cluster';
export type { GPULogger } from './types/logger';
export type { PublishedName, PublishOptions } from './types/cluster';
export type {
  ClusterHealth,
  ContextHealth,
  ContextInfo,
  JobInfo,
  MemoryPressureEvent,
  MemoryStats,
  MemoryTier,
  WorkerHealth,
} from './types/health';
export type {
  Account,
  AlertEvent,
  AlertMetric,
  AlertRule,
  AlertState,
  BudgetRule,
  BudgetState,
  CostAdvice,
  CostPeriod,
  CostReport,
  CostSum,
  CostUse,
  Degradation,
  DegradationEvent,
  DegradationStage,
  ResolvedAlertRule,
  ResultCacheUse,
  ResultTier,
  Savings,
} from './types/operations';
export type { Ops } from './types/ops';
export { createIndex, VectorIndex } from './types/vectors';
export type {
  AnswerOptions,
  DurableOptions,
  Filter,
  FilterComparison,
  FilterValue,
  IndexDType,
  IndexOptions,
  IndexStats,
  Metric,
  RangeOptions,
  SearchExplanation,
  SearchOptions,
  SearchResult,
  SearchResults,
  StoreIndexOptions,
  VectorId,
  Vectors,
  WriteOptions,
} from './types/vectors';
export { defaultModel, loadModel, TextModel } from './types/text';
export type {
  EmbedOptions,
  Embeddings,
  LoadModelOptions,
  LoadProgress,
  Precision,
  Ranked,
  RerankOptions,
  TextAttention,
  TokenizeOptions,
  Tokens,
} from './types/text';
export { createMemory, Memory } from './types/documents';
export type {
  DocumentStats,
  Forgotten,
  GivenDocument,
  MemoryOptions,
  RecallOptions,
  Recalled,
  Remembered,
  RememberOptions,
} from './types/documents';
export { createService, EmbeddingService, hpcServiceFactory, processEmbeddings } from './types/embeddings';
export type {
  BasisStore,
  EmbeddingBasis,
  EmbeddingVectors,
  EmbeddingsJobOptions,
  EmbeddingsOptions,
  EmbeddingsRequest,
  GivenBasis,
  ProcessedEmbeddings,
  ServiceFactory,
  ServiceHealth,
  ServiceMetrics,
  ServiceOptions,
} from './types/embeddings';
export { openStore, restoreStore, Store } from './types/memory';
export type {
  DeleteOptions,
  ListOptions,
  PutOptions,
  StoreOptions,
  StoreProblem,
  StoreRecovery,
  StoreStats,
  StoreVerification,
} from './types/memory';
export type {
  Backend,
  DType,
  ErrorCode,
  GPUClusterMetrics,
  LogLevel,
  ManagerOptions,
  Percentiles,
  SceneName,
} from './generated';
