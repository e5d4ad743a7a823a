#include "cluster/error_json.h"

#include <cstdio>
#include <string_view>

namespace switchyard::cluster {
namespace {

// Bytes above ASCII stay as they are: whoever reads UTF-8 puts a replacement for those that are none.
void append(std::string& json, const char* name, std::string_view text) {
  json += json.size() > 1 ? ",\"" : "\"";
  json += name;
  json += "\":\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      json += escaped;
    } else {
      json += c;
    }
  }
  json += '"';
}

void append(std::string& json, const char* name, uint32_t number) {
  json += ",\"";
  json += name;
  json += "\":" + std::to_string(number);
}

}  // namespace

std::string errorJson(const Error& error) {
  const auto& [log, line, column, argument] = error.details;
  std::string json = "{";
  append(json, "code", codeName(error.code));
  append(json, "message", error.what());
  if (!log.empty()) append(json, "log", log);
  if (line) append(json, "line", line);
  if (column) append(json, "column", column);
  if (!argument.empty()) append(json, "argument", argument);
  return json + "}";
}

}  // namespace switchyard::cluster
