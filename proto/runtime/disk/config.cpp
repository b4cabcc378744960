#include "proto/runtime/disk/config.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "proto/runtime/disk/files.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kMaxConfig = 1U << 20U;
using Json = nlohmann::json;

}  // namespace

// One object of the file. The first error is shared by the whole file.
struct Config::Node {
  Json object = Json::object();
  std::string path;  // "" or "relays[0]."
  std::string file;
  std::shared_ptr<std::optional<Error>> error;
  std::set<std::string, std::less<>> known;

  const Json* find(std::string_view key) {
    known.emplace(key);
    const auto at = object.find(std::string(key));
    return at == object.end() ? nullptr : &*at;
  }
  void refuse(std::string_view key, std::string_view why) {
    if (*error) return;
    *error = Error{ErrorCode::kInvalid,
                   file + ": \"" + path + std::string(key) + "\" " + std::string(why)};
  }
  void check_unknown() {
    for (const auto& [key, value] : object.items()) {
      if (known.contains(key)) continue;
      std::string all;
      for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
      refuse(key, "is an unknown key (known here: " + all + ")");
    }
  }
  Config child(const Json& value, std::string child_path) const {
    auto node = std::make_shared<Node>();
    node->object = value;
    node->path = std::move(child_path);
    node->file = file;
    node->error = error;
    return Config(std::move(node));
  }
};

Config::Config(std::shared_ptr<Node> node) : node_(std::move(node)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

Result<Config> Config::parse(std::string_view text, std::string name) {
  std::optional<std::string> twice;         // a repeated key; the parser would take its last value
  std::vector<std::set<std::string>> open;  // the keys of each enclosing object
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value).second) {
      twice = value.get<std::string>();
    }
    return true;
  };
  Config out = empty(std::move(name));
  try {
    out.node_->object = Json::parse(text, watch, true, true);
  } catch (const Json::exception& e) {
    std::string why = e.what();  // "[json.exception.parse_error.101] parse error at line 3, …"
    if (const auto close = why.find("] "); close != std::string::npos) why = why.substr(close + 2);
    return fail(ErrorCode::kInvalid, out.node_->file + ": not valid JSON: " + why);
  }
  if (!out.node_->object.is_object()) {
    return fail(ErrorCode::kInvalid, out.node_->file + ": must be one JSON object, { … }");
  }
  if (twice) {
    return fail(ErrorCode::kInvalid, out.node_->file + ": \"" + *twice + "\" stands twice");
  }
  return out;
}

Result<Config> Config::load(const std::string& path) {
  const auto bytes = read_file(path, kMaxConfig);
  if (!bytes) return fail_with(bytes.error());
  return parse(culvert::text(*bytes), path);
}

Config Config::empty(std::string name) {
  auto node = std::make_shared<Node>();
  node->file = std::move(name);
  node->error = std::make_shared<std::optional<Error>>();
  return Config(std::move(node));
}

bool Config::has(std::string_view key) const { return node_->find(key) != nullptr; }

std::string Config::text(std::string_view key, std::string fallback) {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  node_->refuse(key, "must be a string");
  return fallback;
}

std::string Config::required_text(std::string_view key) {
  if (!has(key)) node_->refuse(key, "is missing");
  return text(key, "");
}

std::int64_t Config::number(std::string_view key, std::int64_t fallback, std::int64_t least,
                            std::int64_t most) {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_integer() &&
      (!value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX)) {
    const auto number = value->get<std::int64_t>();
    if (number >= least && number <= most) return number;
  }
  node_->refuse(
      key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return fallback;
}

bool Config::flag(std::string_view key, bool fallback) {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  node_->refuse(key, "must be true or false");
  return fallback;
}

std::vector<std::string> Config::texts(std::string_view key) {
  std::vector<std::string> out;
  const Json* value = node_->find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    node_->refuse(key, "must be a list of strings");
    return out;
  }
  for (const auto& item : *value) {
    if (!item.is_string()) {
      node_->refuse(key, "must be a list of strings");
      return {};
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

void Config::section(std::string_view key, const std::function<void(Config&)>& read) {
  const Json* value = node_->find(key);
  if (value == nullptr) return;
  if (!value->is_object()) {
    node_->refuse(key, "must be an object, { … }");
    return;
  }
  Config inner = node_->child(*value, node_->path + std::string(key) + ".");
  read(inner);
  inner.node_->check_unknown();
}

void Config::list(std::string_view key, const std::function<void(Config&)>& read) {
  const Json* value = node_->find(key);
  if (value == nullptr) return;
  if (!value->is_array()) {
    node_->refuse(key, "must be a list of objects, [{ … }]");
    return;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const auto name = std::string(key) + "[" + std::to_string(i) + "]";
    if (!(*value)[i].is_object()) {
      node_->refuse(name, "must be an object, { … }");
      return;
    }
    Config inner = node_->child((*value)[i], node_->path + name + ".");
    read(inner);
    inner.node_->check_unknown();
  }
}

void Config::named(std::string_view key,
                   const std::function<void(const std::string&, Config&)>& read) {
  section(key, [&](Config& outer) {
    for (const auto& [name, value] : outer.node_->object.items()) {
      outer.section(name, [&, n = name](Config& inner) { read(n, inner); });
    }
  });
}

void Config::refuse(std::string_view key, std::string_view why) { node_->refuse(key, why); }

Status Config::finish() {
  node_->check_unknown();
  if (*node_->error) return fail_with(**node_->error);
  return {};
}

}  // namespace culvert::runtime
