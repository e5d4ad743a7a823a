// Making and recycling of images.
#include "vulkan/images.h"

#include <algorithm>

namespace switchyard::vulkan {
namespace {

constexpr uint64_t kKeepBytes = 256ull << 20;

}  // namespace

void Image::Part::release() noexcept {
  memory.release();
  image.release();
  view.release();
}

Image::Part Image::make(VkSampleCountFlagBits samples, VkImageUsageFlags usage) const {
  const DeviceApi& api = gpu_->api;
  Part part;
  VkImageCreateInfo info{VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
  info.imageType = VK_IMAGE_TYPE_2D;
  info.format = kind.format;
  info.extent = {kind.width, kind.height, 1};
  info.mipLevels = info.arrayLayers = 1;
  info.samples = samples;
  info.tiling = VK_IMAGE_TILING_OPTIMAL;
  info.usage = usage;
  VkImage image = VK_NULL_HANDLE;
  check(api.vkCreateImage(gpu_->device, &info, nullptr, &image), "vkCreateImage");
  part.image = gpu_->own(image, api.vkDestroyImage);
  VkMemoryRequirements needs{};
  api.vkGetImageMemoryRequirements(gpu_->device, image, &needs);
  const bool transient = usage & VK_IMAGE_USAGE_TRANSIENT_ATTACHMENT_BIT;
  uint32_t type = gpu_->memoryType(needs.memoryTypeBits, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                   transient ? VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT : 0);
  if (type == ~0u) type = gpu_->memoryType(needs.memoryTypeBits, 0);
  VkMemoryAllocateInfo allocate{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
  allocate.allocationSize = needs.size;
  allocate.memoryTypeIndex = type;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  check(api.vkAllocateMemory(gpu_->device, &allocate, nullptr, &memory), "allocating an image");
  part.memory = gpu_->own(memory, api.vkFreeMemory);
  check(api.vkBindImageMemory(gpu_->device, image, memory, 0), "vkBindImageMemory");
  VkImageViewCreateInfo viewInfo{VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO};
  viewInfo.image = image;
  viewInfo.viewType = VK_IMAGE_VIEW_TYPE_2D;
  viewInfo.format = kind.format;
  viewInfo.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
  VkImageView view = VK_NULL_HANDLE;
  check(api.vkCreateImageView(gpu_->device, &viewInfo, nullptr, &view), "vkCreateImageView");
  part.view = gpu_->own(view, api.vkDestroyImageView);
  part.bytes = needs.size;
  return part;
}

Image::Image(std::shared_ptr<Gpu> gpu, const ImageKind& kindIn, VkRenderPass pass)
    : kind(kindIn), gpu_(std::move(gpu)) {
  if (kind.samples == 0) {
    single_ = make(VK_SAMPLE_COUNT_1_BIT, VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT);
  } else {
    single_ = make(VK_SAMPLE_COUNT_1_BIT, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT);
    if (kind.samples > 1)
      multi_ = make(VkSampleCountFlagBits(kind.samples),
                    VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSIENT_ATTACHMENT_BIT);
    const VkImageView views[] = {kind.samples > 1 ? multi_.view.get() : view(), view()};
    VkFramebufferCreateInfo info{VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO};
    info.renderPass = pass;
    info.attachmentCount = kind.samples > 1 ? 2 : 1;
    info.pAttachments = views;
    info.width = kind.width;
    info.height = kind.height;
    info.layers = 1;
    VkFramebuffer made = VK_NULL_HANDLE;
    check(gpu_->api.vkCreateFramebuffer(gpu_->device, &info, nullptr, &made), "vkCreateFramebuffer");
    framebuffer_ = gpu_->own(made, gpu_->api.vkDestroyFramebuffer);
  }
  gpu_->allocatedBytes += bytes();
}

Image::~Image() {
  gpu_->allocatedBytes -= bytes();
  if (!gpu_->hung) return;  // the handles free
  framebuffer_.release();
  single_.release();
  multi_.release();
}

std::unique_ptr<Image> ImagePool::take(const ImageKind& kind, VkRenderPass pass) {
  {
    std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(free_.rbegin(), free_.rend(), [&](const Entry& e) { return e.image->kind == kind; });
    if (found != free_.rend()) {
      auto image = std::move(found->image);
      freeBytes_ -= image->bytes();
      free_.erase(std::next(found).base());
      return image;
    }
  }
  try {
    return std::make_unique<Image>(gpu_, kind, pass);
  } catch (const Error& error) {
    if (error.code != Code::OutOfMemory || !freeUnusedFor({})) throw;
  }
  return std::make_unique<Image>(gpu_, kind, pass);
}

void ImagePool::give(std::unique_ptr<Image> image) noexcept try {
  std::vector<Entry> gone;  // freed without the lock
  std::lock_guard lock(mutex_);
  if (image->bytes() > kKeepBytes) return;
  while (freeBytes_ + image->bytes() > kKeepBytes) {
    freeBytes_ -= free_.front().image->bytes();
    gone.push_back(std::move(free_.front()));
    free_.erase(free_.begin());
  }
  free_.reserve(free_.size() + 1);
  freeBytes_ += image->bytes();
  free_.push_back({std::move(image), std::chrono::steady_clock::now()});
} catch (...) {}

bool ImagePool::freeUnusedFor(std::chrono::steady_clock::duration age) noexcept {
  const auto limit = std::chrono::steady_clock::now() - age;
  std::lock_guard lock(mutex_);
  return std::erase_if(free_, [&](const Entry& e) {
           if (e.given > limit) return false;
           freeBytes_ -= e.image->bytes();
           return true;
         }) > 0;
}

bool ImagePool::empty() const {
  std::lock_guard lock(mutex_);
  return free_.empty();
}

}  // namespace switchyard::vulkan
