#include "proto/control/message.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "proto/control/fields.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::control {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 4;  // message, list, element of a list; one to spare

constexpr std::array<std::pair<ErrorCode, std::string_view>, 10> kCodes = {{
    {ErrorCode::kInvalid, "invalid"},
    {ErrorCode::kUnverified, "unverified"},
    {ErrorCode::kStale, "stale"},
    {ErrorCode::kConflict, "conflict"},
    {ErrorCode::kDenied, "denied"},
    {ErrorCode::kNotFound, "not-found"},
    {ErrorCode::kExhausted, "exhausted"},
    {ErrorCode::kUnavailable, "unavailable"},
    {ErrorCode::kTimeout, "timeout"},
    {ErrorCode::kInternal, "internal"},
}};

constexpr std::array<std::string_view, 4> kLists = {"requests", "devices", "nodes", "states"};

// An object inside a message.
template <class T>
concept Part = Is<T, RelayInfo> || Is<T, Listed> || Is<T, RevocationSet>;
// True for objects in which unknown fields are ignored: hello, welcome, and the objects inside a
// welcome.
template <class T>
concept Open = Is<T, Hello> || Is<T, Welcome> || Is<T, RelayInfo> || Is<T, RevocationSet>;

class JsonWriter {
 public:
  explicit JsonWriter(Json& object) : object_(object) {}

  template <class T>
  void operator()(const char* key, const T& value, Limit = {}) {
    object_[key] = to_json(value);
  }
  template <class T>
  void operator()(const char* key, const std::optional<T>& value, Limit = {}) {
    if (value) object_[key] = to_json(*value);
  }

 private:
  template <class T>
  requires std::is_integral_v<T>
  static Json to_json(T value) { return value; }
  static Json to_json(const std::string& value) { return value; }
  static Json to_json(const Nonce& value) { return to_hex(value); }
  template <class Tag, std::size_t N>
  static Json to_json(const FixedBytes<Tag, N>& value) {
    return value.hex();
  }
  static Json to_json(ListWhat value) { return kLists[static_cast<std::size_t>(value)]; }
  static Json to_json(const Versions& value) { return Json::array({value.least, value.most}); }
  static Json to_json(ErrorCode value) { return name(value); }
  template <class T>
  static Json to_json(const std::vector<T>& list) {
    auto out = Json::array();
    for (const auto& element : list) out.push_back(to_json(element));
    return out;
  }
  template <Part T>
  static Json to_json(const T& value) {
    auto out = Json::object();
    JsonWriter writer(out);
    fields(writer, value);
    return out;
  }

  Json& object_;
};

// Reads the fields of one object and remembers the first wrong field. ok() also checks that the
// object has no further keys.
class JsonReader {
 public:
  explicit JsonReader(const Json& object) : object_(object) {}

  template <class T>
  void operator()(const char* key, T& value, Limit limit = {}) {
    const auto found = object_.find(key);
    if (found == object_.end()) return wrong(key);
    ++read_;
    if (!from_json(*found, value, limit)) wrong(key);
  }
  template <class T>
  void operator()(const char* key, std::optional<T>& value, Limit limit = {}) {
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    ++read_;
    if (!from_json(*found, value.emplace(), limit)) wrong(key);
  }
  // `more`: number of keys that the caller has read itself. `open`: further keys are ignored.
  bool ok(std::size_t more, bool open) const {
    return wrong_.empty() && (open || read_ + more == object_.size());
  }
  std::string complaint() const {
    return wrong_.empty() ? "has an unknown field" : "lacks a good \"" + wrong_ + "\"";
  }

 private:
  void wrong(const char* key) {
    if (wrong_.empty()) wrong_ = key;
  }
  template <class T>
  requires std::is_unsigned_v<T>
  static bool from_json(const Json& json, T& value, Limit) {
    if constexpr (std::is_same_v<T, bool>) {
      if (!json.is_boolean()) return false;
      value = json.get<bool>();
      return true;
    } else {
      if (!json.is_number_unsigned()) return false;
      const auto wide = json.get<std::uint64_t>();
      value = static_cast<T>(wide);
      return value == wide;
    }
  }
  static bool from_json(const Json& json, std::string& value, Limit limit) {
    if (!json.is_string()) return false;
    const auto& string = json.get_ref<const std::string&>();
    if (string.size() > limit.length) return false;
    value = string;
    return true;
  }
  static bool from_json(const Json& json, Nonce& value, Limit) { return hex(json, value); }
  template <class Tag, std::size_t N>
  static bool from_json(const Json& json, FixedBytes<Tag, N>& value, Limit) {
    return hex(json, value.bytes);
  }
  static bool from_json(const Json& json, ListWhat& value, Limit) {
    for (std::size_t i = 0; i < kLists.size(); ++i) {
      if (json != kLists[i]) continue;
      value = static_cast<ListWhat>(i);
      return true;
    }
    return false;
  }
  static bool from_json(const Json& json, Versions& value, Limit) {
    return json.is_array() && json.size() == 2 && from_json(json[0], value.least, {}) &&
           from_json(json[1], value.most, {}) && value.least <= value.most;
  }
  static bool from_json(const Json& json, ErrorCode& value, Limit) {
    for (const auto& [code, code_name] : kCodes) {
      if (json != code_name) continue;
      value = code;
      return true;
    }
    return false;
  }
  template <class T>
  static bool from_json(const Json& json, std::vector<T>& list, Limit limit) {
    if (!json.is_array() || json.size() > limit.count) return false;
    list.resize(json.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!from_json(json[i], list[i], limit)) return false;
    }
    return true;
  }
  template <Part T>
  static bool from_json(const Json& json, T& value, Limit) {
    if (!json.is_object()) return false;
    JsonReader reader(json);
    fields(reader, value);
    return reader.ok(0, Open<T>);
  }
  template <std::size_t N>
  static bool hex(const Json& json, std::array<std::uint8_t, N>& value) {
    if (!json.is_string()) return false;
    const auto raw = from_hex(json.get_ref<const std::string&>());
    if (!raw || raw->size() != N) return false;
    std::memcpy(value.data(), raw->data(), N);
    return true;
  }

  const Json& object_;
  std::size_t read_ = 0;
  std::string wrong_;
};

// Decodes the alternative of Message with this type name, trying from I on.
template <std::size_t I = 0>
Result<Message> decode_as(std::string_view type, const Json& json) {
  if constexpr (I == std::variant_size_v<Message>) {
    return fail(ErrorCode::kInvalid, "control message of an unknown type");
  } else {
    std::variant_alternative_t<I, Message> message;
    if (type != type_of(message)) return decode_as<I + 1>(type, json);
    JsonReader reader(json);
    fields(reader, message);
    if (!reader.ok(1, Open<decltype(message)>)) {
      return fail(ErrorCode::kInvalid,
                  "control message \"" + std::string(type) + "\" " + reader.complaint());
    }
    return Message(std::move(message));
  }
}

// Refuses deep nesting before parsing. The parser's stack is on the heap, which this bounds as
// well.
bool too_deep(std::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string encode(const Message& message) {
  auto object = Json::object();
  std::visit(
      [&](const auto& m) {
        object["type"] = type_of(m);
        JsonWriter writer(object);
        fields(writer, m);
      },
      message);
  // Bytes that are not UTF-8 become U+FFFD, since an error text may quote a stranger's bytes.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Message> decode(std::string_view json) {
  if (json.size() > kMaxMessage || too_deep(json)) {
    return fail(ErrorCode::kInvalid, "control message is too long or too deep");
  }
  const auto parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return fail(ErrorCode::kInvalid, "control message is no JSON object");
  const auto type = parsed.find("type");
  if (type == parsed.end() || !type->is_string()) {
    return fail(ErrorCode::kInvalid, "control message lacks a good \"type\"");
  }
  return decode_as(type->get_ref<const std::string&>(), parsed);
}

std::string_view name(ErrorCode code) {
  for (const auto& [known, code_name] : kCodes) {
    if (known == code) return code_name;
  }
  return "internal";
}

crypto::Hash revocations_digest(std::vector<NoteId>& ids) {
  std::sort(ids.begin(), ids.end());
  Bytes all;
  for (const auto& id : ids) all.insert(all.end(), id.bytes.begin(), id.bytes.end());
  return crypto::sha256(all);
}

Bytes proof_message(ByteView handshake_hash) {
  std::string out = "culvert/control-proof/v1\n";
  out += text(handshake_hash);
  return to_bytes(out);
}

}  // namespace culvert::control
