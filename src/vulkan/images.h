// Images: what pictures are drawn onto, and textures. Recycled by size and format; a submission owns those it uses.
#pragma once
#include <chrono>

#include "vulkan/gpu.h"

namespace switchyard::vulkan {

struct ImageKind {
  uint32_t width = 0, height = 0;
  VkFormat format = VK_FORMAT_R8G8B8A8_UNORM;
  uint32_t samples = 0;  // of a target: 1, or more, which are resolved into the image. 0: a texture
  bool operator==(const ImageKind&) const = default;
};

// The change of layout of a whole image, ahead of what accesses it.
inline VkImageMemoryBarrier toLayout(VkImage image, VkImageLayout from, VkImageLayout to, VkAccessFlags before,
                                     VkAccessFlags after) {
  VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
  barrier.srcAccessMask = before;
  barrier.dstAccessMask = after;
  barrier.oldLayout = from;
  barrier.newLayout = to;
  barrier.srcQueueFamilyIndex = barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
  barrier.image = image;
  barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
  return barrier;
}

class Image {
 public:
  Image(std::shared_ptr<Gpu> gpu, const ImageKind& kind, VkRenderPass pass);  // `pass`: that targets are drawn to in
  ~Image();
  Image(const Image&) = delete;
  VkImage handle() const { return single_.image.get(); }
  VkImage many() const { return multi_.image.get(); }  // that is resolved into it; none, of one sample
  VkImageView view() const { return single_.view.get(); }
  VkFramebuffer framebuffer() const { return framebuffer_.get(); }
  uint64_t bytes() const { return single_.bytes + multi_.bytes; }
  const ImageKind kind;

 private:
  struct Part {
    Handle<VkDeviceMemory> memory;
    Handle<VkImage> image;
    Handle<VkImageView> view;
    uint64_t bytes = 0;
    void release() noexcept;
  };
  Part make(VkSampleCountFlagBits samples, VkImageUsageFlags usage) const;

  const std::shared_ptr<Gpu> gpu_;
  Part single_, multi_;
  Handle<VkFramebuffer> framebuffer_;
};

// Those that nobody uses. Safe from any thread.
class ImagePool {
 public:
  explicit ImagePool(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  std::unique_ptr<Image> take(const ImageKind& kind, VkRenderPass pass);
  void give(std::unique_ptr<Image> image) noexcept;
  bool freeUnusedFor(std::chrono::steady_clock::duration age) noexcept;  // true: there were some
  bool empty() const;

 private:
  struct Entry {
    std::unique_ptr<Image> image;
    std::chrono::steady_clock::time_point given;
  };
  const std::shared_ptr<Gpu> gpu_;
  mutable std::mutex mutex_;
  std::vector<Entry> free_;  // the oldest first
  uint64_t freeBytes_ = 0;
};

}  // namespace switchyard::vulkan
