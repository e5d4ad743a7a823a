#include "store/manifest.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "error.h"
#include "store/format.h"
#include "store/log_file.h"

namespace switchyard::store {
namespace {

using Json = nlohmann::json;

Json toJson(const Manifest& manifest) {
  Json logs = Json::array(), collections = Json::array();
  for (const auto& log : manifest.logs)
    logs.push_back({{"file", log.file}, {"bytes", log.bytes}, {"records", log.records}, {"sealed", log.isSealed}});
  for (const auto& collection : manifest.collections) {
    Json files = Json::array();
    for (const auto& data : collection.files)
      files.push_back({{"name", data.name}, {"file", data.file}, {"bytes", data.bytes}});
    collections.push_back({{"id", collection.id},
                           {"name", collection.name},
                           {"through", collection.through},
                           {"state", collection.state},
                           {"files", std::move(files)}});
  }
  return {{"nextFile", manifest.nextFile},
          {"nextSequence", manifest.nextSequence},
          {"nextCollection", manifest.nextCollection},
          {"logs", std::move(logs)},
          {"collections", std::move(collections)}};
}

Manifest fromJson(const Json& json) {
  Manifest manifest;
  manifest.nextFile = json.at("nextFile").get<uint64_t>();
  manifest.nextSequence = json.at("nextSequence").get<uint64_t>();
  manifest.nextCollection = json.at("nextCollection").get<uint64_t>();
  for (const Json& log : json.at("logs"))
    manifest.logs.push_back({log.at("file").get<uint64_t>(), log.at("bytes").get<uint64_t>(),
                             log.at("records").get<uint64_t>(), log.at("sealed").get<bool>()});
  for (const Json& entry : json.at("collections")) {
    Manifest::Collection collection{.id = entry.at("id").get<uint64_t>(),
                                    .name = entry.at("name").get<std::string>(),
                                    .through = entry.at("through").get<uint64_t>(),
                                    .state = entry.at("state").get<std::string>()};
    for (const Json& data : entry.at("files"))
      collection.files.push_back(
          {data.at("name").get<std::string>(), data.at("file").get<uint64_t>(), data.at("bytes").get<uint64_t>()});
    manifest.collections.push_back(std::move(collection));
  }
  return manifest;
}

std::string pathOf(const std::string& folder, std::string_view name) { return folder + "/" + std::string(name); }

void checkHeader(const ManifestHeader& header, const std::string& folder, const std::string& path) {
  const std::string whose = "the folder '" + folder + "'";
  if (header.magic != kManifestMagic)
    throw Error(Code::InvalidArgument, whose + " is no store: its file 'manifest' does not begin as one");
  if (__builtin_bswap32(header.byteOrder) == kByteOrder)
    throw Error(Code::Unsupported,
                whose + " is a store of a machine with another byte order: it can be read there alone");
  if (!isWhole(header, 0)) throw damaged(path, 0, "its header is not what was written");
  if (header.version != kVersion)
    throw Error(Code::Unsupported, whose + " is a store of version " + std::to_string(header.version) +
                                       " of the format, and this switchyard knows version " + std::to_string(kVersion) +
                                       ": a newer one is needed");
}

}  // namespace

std::string encodeManifest(const Manifest& manifest) {
  const std::string body = toJson(manifest).dump();
  ManifestHeader header{.bodyBytes = body.size(), .bodyCheck = checksum(asBytes(body.data(), body.size()), 0)};
  sealBlock(header, 0);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
}

Manifest readManifest(Files& files, const std::string& folder) {
  const std::string path = pathOf(folder, kManifestName);
  const auto file = files.open(path, Files::Open::Read);
  if (!file) throw Error(Code::InvalidArgument, "the folder '" + folder + "' is no store: it has no file 'manifest'");
  ManifestHeader header{.magic = 0};
  const size_t got = file->read(0, {reinterpret_cast<std::byte*>(&header), sizeof header});
  if (got < sizeof header && std::memcmp(&header, &kManifestMagic, std::min(got, sizeof kManifestMagic)) == 0)
    throw damaged(path, got, "it ends there, in its header");
  checkHeader(header, folder, path);
  std::string body(header.bodyBytes, '\0');
  const bool isRead = readAll(*file, sizeof header, {reinterpret_cast<std::byte*>(body.data()), body.size()});
  if (!isRead || file->size() != sizeof header + body.size() ||
      checksum(asBytes(body.data(), body.size()), 0) != header.bodyCheck)
    throw damaged(path, sizeof header, "its content is not what was written");
  try {
    return fromJson(Json::parse(body));
  } catch (const Json::exception& failed) {
    throw damaged(path, sizeof header, std::string("its content does not read: ") + failed.what());
  }
}

void replaceManifest(Files& files, const std::string& folder, const Manifest& manifest) {
  const std::string beside = pathOf(folder, kManifestName) + ".new", content = encodeManifest(manifest);
  {
    const auto file = files.open(beside, Files::Open::Create);
    file->write(0, asBytes(content.data(), content.size()));
    file->sync();
  }
  files.rename(beside, pathOf(folder, kManifestName));
}

}  // namespace switchyard::store
