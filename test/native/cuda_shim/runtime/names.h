// Included before everything else by what runs on the emulated CUDA runtime: the backend's own host code of src/cuda,
// compiled a second time. Its namespace becomes that of the emulated kernels, and what it calls of the runtime gets
// names of its own, so that one program may hold both. NVIDIA's header then declares these, so that a prototype that
// differs does not compile.
#pragma once
#define cuda cuda_shim

#define cudaDeviceCanAccessPeer shimDeviceCanAccessPeer
#define cudaDeviceEnablePeerAccess shimDeviceEnablePeerAccess
#define cudaDeviceGetAttribute shimDeviceGetAttribute
#define cudaEventCreateWithFlags shimEventCreateWithFlags
#define cudaEventDestroy shimEventDestroy
#define cudaEventElapsedTime shimEventElapsedTime
#define cudaEventQuery shimEventQuery
#define cudaEventRecord shimEventRecord
#define cudaFree shimFree
#define cudaFreeAsync shimFreeAsync
#define cudaFreeHost shimFreeHost
#define cudaFuncGetAttributes shimFuncGetAttributes
#define cudaGetLastError shimGetLastError
#define cudaGraphAddKernelNode shimGraphAddKernelNode
#define cudaGraphCreate shimGraphCreate
#define cudaGraphDestroy shimGraphDestroy
#define cudaGraphExecDestroy shimGraphExecDestroy
#define cudaGraphExecKernelNodeSetParams shimGraphExecKernelNodeSetParams
#define cudaGraphInstantiate shimGraphInstantiate
#define cudaGraphLaunch shimGraphLaunch
#define cudaHostAlloc shimHostAlloc
#define cudaHostRegister shimHostRegister
#define cudaHostUnregister shimHostUnregister
#define cudaLaunchKernel shimLaunchKernel
#define cudaLibraryGetKernel shimLibraryGetKernel
#define cudaLibraryLoadData shimLibraryLoadData
#define cudaLibraryUnload shimLibraryUnload
#define cudaMalloc shimMalloc
#define cudaMallocFromPoolAsync shimMallocFromPoolAsync
#define cudaMemGetInfo shimMemGetInfo
#define cudaMemPoolCreate shimMemPoolCreate
#define cudaMemPoolDestroy shimMemPoolDestroy
#define cudaMemPoolGetAttribute shimMemPoolGetAttribute
#define cudaMemPoolSetAttribute shimMemPoolSetAttribute
#define cudaMemPoolTrimTo shimMemPoolTrimTo
#define cudaMemcpyAsync shimMemcpyAsync
#define cudaMemcpyPeerAsync shimMemcpyPeerAsync
#define cudaMemsetAsync shimMemsetAsync
#define cudaSetDevice shimSetDevice
#define cudaStreamCreateWithFlags shimStreamCreateWithFlags
#define cudaStreamDestroy shimStreamDestroy
#define cudaStreamQuery shimStreamQuery
#define cudaStreamSynchronize shimStreamSynchronize
#define cudaStreamWaitEvent shimStreamWaitEvent
