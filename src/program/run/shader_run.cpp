// A user's vertex and fragment shader as a workload: one draw, one picture.
#include <algorithm>

#include "program/run/call.h"
#include "workloads/common.h"

namespace switchyard {
namespace {

constexpr double kFlopsOfPixel = 200;

DType dtypeOf(ProgramParam::Scalar scalar) {
  switch (scalar) {
    case ProgramParam::Scalar::Int: return DType::Int32;
    case ProgramParam::Scalar::Uint: return DType::Uint32;
    default: return DType::Float32;
  }
}

class ShaderWorkload final : public ProgramWorkload {
 public:
  explicit ShaderWorkload(ModulePtr module) : ProgramWorkload(std::move(module), WorkKind::Render, "shader") {
    for (const ProgramBinding& binding : this->module->info.bindings)
      (binding.kind == ProgramBinding::Kind::Image ? images_ : buffers_).push_back(&binding);
  }

  // Its pipelines are made when it is first drawn with a primitive, a blending and a number of samples: not on the
  // caller's thread.
  bool readyOn(const ProgramCache&) const override { return false; }

  Cost check(Call& call) const override {
    const ProgramInfo& info = module->info;
    const ShaderCall read = readShaderCall(*this, call);
    std::vector<bool> attributes(info.attributes.size()), buffers(buffers_.size()), images(images_.size());
    for (size_t i = 0; i < read.inputs.size(); ++i) {
      const auto [kind, index, nearest] = read.inputs[i];
      const Value& value = call.inputs[1 + i];
      const auto wrong = [&, kind = kind, index = index](const char* how) {
        refuse(*this, "'" + nameOf(kind, index) + "' " + how, pathOf(kind, index));
      };
      auto& seen = kind == ShaderCall::Kind::Attribute ? attributes
                   : kind == ShaderCall::Kind::Buffer  ? buffers
                                                       : images;
      if (seen[index]) wrong("is given twice");
      seen[index] = true;
      if (!value.present) wrong("is missing");
      if (kind == ShaderCall::Kind::Attribute)
        checkAttribute(info.attributes[index], value.spec, read.vertices);
      else if (kind == ShaderCall::Kind::Buffer)
        checkBinding(*buffers_[index], value.spec, "inputs.");
      else
        checkImage(*images_[index], value.spec);
    }
    requireAll(attributes, ShaderCall::Kind::Attribute);
    requireAll(buffers, ShaderCall::Kind::Buffer);
    requireAll(images, ShaderCall::Kind::Image);
    call.outputCount = 1;
    call.outputs[0].spec.dtype = DType::Uint8;
    call.outputs[0].spec.shape = Shape{read.height, read.width, 4};
    const double pixels = static_cast<double>(read.width) * read.height;
    return {kFlopsOfPixel * (pixels + static_cast<double>(read.vertices) * read.instances), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const ProgramInfo& info = module->info;
    const ShaderCall read = readShaderCall(*this, call);
    Draw draw;
    draw.program = r.program(module);
    draw.primitive = read.primitive;
    draw.blend = read.blend;
    draw.vertices = read.vertices;
    draw.instances = read.instances;
    draw.attributes.resize(info.attributes.size());
    draw.buffers.resize(buffers_.size());
    draw.textures.resize(images_.size());
    draw.params.assign(read.params.begin(), read.params.end());
    for (size_t i = 0; i < read.inputs.size(); ++i) {
      const auto [kind, index, nearest] = read.inputs[i];
      const Value& value = call.inputs[1 + i];
      BufferView view = value.view.size ? r.aligned(value.view)
                                        : nothing(r, kind == ShaderCall::Kind::Buffer ? buffers_[index]->minBytes : 0);
      r.requireBindable(view.size, ("'" + nameOf(kind, index) + "'").c_str());
      if (kind == ShaderCall::Kind::Attribute)
        draw.attributes[index] = view;
      else if (kind == ShaderCall::Kind::Buffer)
        draw.buffers[index] = view;
      else
        draw.textures[index] = textureOf(value.spec, view, nearest);
    }
    const Picture picture{read.width, read.height, read.samples, read.background, call.outputs[0].view};
    r.draw(picture, {&draw, 1});
    co_return;
  }

 private:
  // Something to bind where a tensor is empty.
  static BufferView nothing(Recorder& r, uint64_t minBytes) {
    const BufferView view = r.scratch(std::max<uint64_t>((minBytes + 3) / 4 * 4, 16));
    r.fill(view, 0);
    return view;
  }

  std::string nameOf(ShaderCall::Kind kind, uint32_t index) const {
    if (kind == ShaderCall::Kind::Attribute) return module->info.attributes[index].name;
    return (kind == ShaderCall::Kind::Buffer ? buffers_ : images_)[index]->name;
  }

  static const char* whatOf(ShaderCall::Kind kind) {
    if (kind == ShaderCall::Kind::Attribute) return "attribute";
    return kind == ShaderCall::Kind::Buffer ? "input" : "uniform";
  }

  std::string pathOf(ShaderCall::Kind kind, uint32_t index) const {
    return std::string(whatOf(kind)) + "s." + nameOf(kind, index);
  }

  void requireAll(const std::vector<bool>& seen, ShaderCall::Kind kind) const {
    const auto missing = std::find(seen.begin(), seen.end(), false);
    if (missing == seen.end()) return;
    const auto index = static_cast<uint32_t>(missing - seen.begin());
    refuse(*this, std::string(whatOf(kind)) + " '" + nameOf(kind, index) + "' is missing", pathOf(kind, index));
  }

  void checkAttribute(const ProgramAttribute& attribute, const TensorSpec& spec, uint32_t vertices) const {
    const auto wrong = [&](const std::string& how) {
      refuse(*this, "attribute '" + attribute.name + "' " + how, "attributes." + attribute.name);
    };
    const DType wanted = dtypeOf(attribute.scalar);
    if (spec.dtype != wanted)
      wrong(std::string("is ") + dtypeName(spec.dtype) + ", but the shader's is " + dtypeName(wanted));
    const uint64_t values = attribute.rows * attribute.columns;
    if (spec.elements() < values * vertices)
      wrong("has " + std::to_string(spec.elements()) + " values, but " + std::to_string(vertices) + " vertices of " +
            std::to_string(values) + " values take " + std::to_string(values * vertices));
  }

  void checkImage(const ProgramBinding& image, const TensorSpec& spec) const {
    const auto wrong = [&](const std::string& how) {
      refuse(*this, "uniform '" + image.name + "' " + how, "uniforms." + image.name);
    };
    if (spec.dtype != DType::Uint8 && spec.dtype != DType::Float32)
      wrong(std::string("is ") + dtypeName(spec.dtype) +
            ", but an image is uint8 (0 to 255 stand for 0 to 1) or float32");
    const Shape& shape = spec.shape;
    const uint64_t channels = shape.rank() == 3 ? shape[2] : 1;
    if ((shape.rank() != 2 && shape.rank() != 3) || (channels != 1 && channels != 2 && channels != 4))
      wrong("has shape " + shape.text() +
            ", but an image is [height, width] or [height, width, channels] with 1, 2 or 4 channels");
    for (size_t axis = 0; axis < 2; ++axis)
      if (shape[axis] < 1 || shape[axis] > kMaxPictureExtent)
        wrong("has shape " + shape.text() + ", but an image is 1 to " + std::to_string(kMaxPictureExtent) +
              " wide and high");
  }

  static Texture textureOf(const TensorSpec& spec, BufferView texels, bool nearest) {
    Texture texture;
    texture.texels = texels;
    texture.height = static_cast<uint32_t>(spec.shape[0]);
    texture.width = static_cast<uint32_t>(spec.shape[1]);
    texture.channels = spec.shape.rank() == 3 ? static_cast<uint32_t>(spec.shape[2]) : 1;
    texture.isFloat = spec.dtype == DType::Float32;
    texture.linear = !nearest;
    return texture;
  }

  std::vector<const ProgramBinding*> buffers_, images_;
};

}  // namespace

std::shared_ptr<const ProgramWorkload> makeShaderWorkload(ModulePtr module) {
  return std::make_shared<ShaderWorkload>(std::move(module));
}

}  // namespace switchyard
