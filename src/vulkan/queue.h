// The Queue of a Vulkan device: records into recycled command buffers, places barriers where ranges demand them.
#pragma once
#include "vulkan/queue_state.h"
#include "vulkan/matmul.h"
#include "vulkan/program.h"

namespace switchyard::vulkan {

struct BoundView {
  VkDescriptorBufferInfo info;
  Range range;
};

Range rangeOf(const BufferView& view);  // throws Internal for a view that is not in its buffer

class GpuQueue final : public Queue {
 public:
  GpuQueue(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, std::shared_ptr<StagingPool> staging,
           std::shared_ptr<Graphics> graphics, std::shared_ptr<Completer> completer);
  ~GpuQueue() override;

  void upload(BufferView dst, std::span<const std::byte> src) override;
  void download(std::span<std::byte> dst, BufferView src) override;
  void copy(BufferView dst, BufferView src) override;
  void fill(BufferView dst, uint32_t word) override;
  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override;
  void matmul(const Matmul& op) override;
  void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
              std::span<const std::byte> params) override;
  void draw(const Picture& picture, std::span<const Draw> draws) override;
  void submit(Completion done) override;
  void discard() noexcept override;
  // With a flag, long work is submitted in pieces, and calls wait for the device; they throw Canceled once it is set.
  void setStopFlag(const std::atomic<bool>* stop) override { stop_ = stop; }
  void setProgress(Progress* progress) override { progress_ = progress; }
  void setMayWait(bool mayWait) override { mayWait_ = mayWait; }
  void setMayTakeLong(bool mayTakeLong) override { mayTakeLong_ = mayTakeLong; }

  void matmulWith(MatmulShader shader, const Matmul& op);  // for the benchmark, and behind matmul()
  // Behind launch(), and for shaders that no kernel names. `groupBytes`: what a group reads; 0: its share of what is
  // bound.
  void launchSearch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
                    std::span<const std::byte> params);
  void launchShader(const Shader& shader, uint64_t count, std::span<const BufferView> views,
                    std::span<const std::byte> params, uint64_t groupBytes = 0);

 private:
  struct Piece {  // a part of a staging block
    GpuBuffer* block;
    uint64_t offset;
  };
  struct PreparedDraw {  // checked, before anything is recorded
    const Draw* draw;
    const GpuProgram* program;
    VkPipeline pipeline;
    std::vector<BoundView> buffers;
    std::vector<const Image*> textures;
    VkDescriptorBufferInfo uniform;
    std::vector<std::byte> params;
    float width, height;  // of the picture
    // With a stop flag: nanoseconds, as for a pace; of all instances; primitives times pixels; whether what it takes is
    // known.
    double guess = 0;
    uint64_t primitives = 0;
    double work = 0;
    bool isKnown = false;
  };
  struct DrawPart {
    uint32_t vertices, instances, firstVertex = 0, firstInstance = 0;
  };
  Submission& record();  // the open recording
  VkCommandBuffer commands();
  void dispatch(const Shader& shader, const Pipeline& pipeline, uint64_t groups, std::span<const BufferView> views,
                std::span<const std::byte> params);
  // What a stop flag takes, apart from the way of all others, which does not pay for it: see queue_pieces.cpp.
  double guessOf(const Shader& shader, std::span<const BufferView> views, std::span<const std::byte> params) const;
  double guessOf(const GpuProgram& program, Extent groups) const;
  bool isLong(const Pace& pace, double guess) const;
  void note(const std::shared_ptr<Pace>& pace, double guess);
  bool isWorthLearning() const;
  Extent rowsOf(uint64_t groups) const;
  using Bind = std::function<void()>;  // called before each piece
  // False: it is short, and was noted; the caller is to dispatch it.
  [[gnu::noinline]] bool dispatchLong(const Shader& shader, const Pipeline& pipeline, uint64_t groups,
                                      std::span<const BufferView> views, std::span<const std::byte> params,
                                      const Bind& bind);
  [[gnu::noinline]] bool dispatchLong(const GpuProgram& program, Extent groups, std::span<const std::byte> params,
                                      const Bind& bind);
  // Rows: along y alone, for kernels that fold their count (groupIndex() in shaders/common.glsl). `most`: groups in the
  // first piece, where nothing is known of what it takes.
  enum class Cut : uint8_t { Rows, Boxes };
  void dispatchInPieces(Extent groups, Cut cut, const Work& work, uint64_t most, const Bind& bind);
  void flush(size_t ahead);
  void tellPart(double share);  // of a long launch or picture
  void throwIfStopped() const;
  [[gnu::noinline]] void submitLast(Completion&& done);  // of what was noted
  void submitRecording(Completion&& done);
  void checkArguments(const Shader& shader, std::span<const BufferView> views, std::span<const std::byte> params) const;
  BoundView bind(const BufferView& view) const;
  BoundView bindFor(const GpuProgram& program, const ProgramBinding& binding, const BufferView& view) const;
  VkDescriptorBufferInfo stageUniform(std::span<const std::byte> params);
  void pushConstants(const GpuProgram& program, std::span<const std::byte> params);
  void keep(const std::shared_ptr<const Program>& program);  // until the recording has finished
  void checkPicture(const Picture& picture) const;
  PreparedDraw prepare(const Draw& draw, const Picture& picture, uint32_t samples, std::vector<Range>& reads);
  const Image* textureFor(const Texture& texture, std::vector<std::pair<const Texture*, const Image*>>& known);
  const Image& targetFor(const ImageKind& kind);
  static VkRect2D areaOf(const Picture& picture);
  static VkClearValue clearOf(const Picture& picture);
  void beforeDraws(std::vector<PreparedDraw>& prepared, std::span<const Range> reads);
  void beginPass(VkRenderPass pass, const Image& target, const VkRect2D& area, const VkClearValue& clear);
  void recordDraw(const PreparedDraw& prepared, const DrawPart& part);
  void copyRows(const Picture& picture, const Image& target, uint32_t first, uint32_t rows);
  // See queue_draw_pieces.cpp.
  [[gnu::noinline]] bool isLongPicture(const Picture& picture, std::vector<PreparedDraw>& prepared);
  struct PicturePieces;
  void drawInPieces(const Picture& picture, const Image& target, std::vector<PreparedDraw>& prepared,
                    std::span<const Range> reads);
  void drawPart(const PreparedDraw& prepared, uint64_t first, uint64_t count);  // primitives of all instances
  void flushDrawing();
  VkPipelineStageFlags workStages() const;
  void before(std::span<const Range> reads, std::span<const Range> writes);  // the barrier, if one is needed
  void barrier(VkPipelineStageFlags toStages, VkAccessFlags toAccess);
  void keepReadbacks(const Range& aboutToBeWritten);
  void recordCopy(VkBuffer to, uint64_t toOffset, VkBuffer from, uint64_t fromOffset, uint64_t bytes);
  Piece stage(size_t bytes);
  bool touchedNow(const Range& range) const;
  void finishRecording(Submission& submission);

  const std::shared_ptr<Gpu> gpu_;
  const std::shared_ptr<Pipelines> pipelines_;
  const std::shared_ptr<Graphics> graphics_;
  const std::shared_ptr<Completer> completer_;
  const std::shared_ptr<QueueState> state_;
  SharedQueue& queue_;
  std::unique_ptr<Submission> current_;
  VkPipeline boundPipeline_ = VK_NULL_HANDLE;
  bool mustBarrier_ = false;  // commands were dropped that may have held the barrier of an earlier submission
  bool drew_ = false;         // since it was made: barriers have to do with drawing, too
  Hazards hazards_;
  std::vector<Range> touched_;  // by the commands of the open recording, and of pieces before it
  const double pieceNs_;        // that a submission may take
  const std::atomic<bool>* stop_ = nullptr;
  Progress* progress_ = nullptr;
  bool mayWait_ = true, mayTakeLong_ = true;
  std::shared_ptr<Pieces> pieces_;  // since the last submit()
  double openNs_ = 0;               // what the open recording takes, as far as is known
  std::vector<Work> openWork_;
  struct Unread {
    Range range;
    uint64_t serial;
  };
  std::vector<Unread> unread_;  // read in place when an earlier submission completes
};

}  // namespace switchyard::vulkan
