#include "agent/api/arguments.hpp"

namespace culvert::api {
namespace {

constexpr std::int64_t kMaxNumber = 1LL << 31U;

}  // namespace

const nlohmann::json* Arguments::find(const std::string& name) {
  known_.insert(name);
  const auto found = given_.find(name);
  return found == given_.end() ? nullptr : &*found;
}

void Arguments::object(const std::string& name, const char* to_be) {
  if (!problem_) problem_ = Error{ErrorCode::kInvalid, "\"" + name + "\" must be " + to_be};
}

std::string Arguments::text(const std::string& name) {
  auto out = text_if(name);
  if (out.empty()) object(name, "a text");
  return out;
}

std::string Arguments::text_if(const std::string& name) {
  const auto* value = find(name);
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  object(name, "a text");
  return "";
}

std::uint64_t Arguments::number(const std::string& name) {
  if (!given_.contains(name)) object(name, "a number");
  return number_if(name, 0);
}

std::uint64_t Arguments::number_if(const std::string& name, std::uint64_t otherwise) {
  const auto* value = find(name);
  if (value == nullptr) return otherwise;
  const auto given = value->is_number_integer() ? value->get<std::int64_t>() : -1;
  if (given >= 0 && given <= kMaxNumber) return static_cast<std::uint64_t>(given);
  object(name, "a whole number");
  return otherwise;
}

std::optional<WallTime> Arguments::time_if(const std::string& name) {
  const auto value = text_if(name);
  if (value.empty()) return std::nullopt;
  const auto time = parse_time(value);
  if (!time) object(name, "a time like 2026-11-21T15:00:00Z");
  return time;
}

std::optional<Error> Arguments::problem() const {
  if (problem_) return problem_;
  for (const auto& item : given_.items()) {
    if (!known_.contains(item.key())) {
      return Error{ErrorCode::kInvalid, "unknown argument \"" + item.key() + "\""};
    }
  }
  return std::nullopt;
}

}  // namespace culvert::api
