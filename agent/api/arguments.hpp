// A command's JSON arguments, read by name. The first argument that is missing, unknown or of the
// wrong type becomes problem(). Values read after that have no meaning.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::api {

class Arguments {
 public:
  explicit Arguments(const nlohmann::json& given) : given_(given) {}  // an object; outlives this

  std::string text(const std::string& name);
  std::string text_if(const std::string& name);   // empty when absent
  std::uint64_t number(const std::string& name);  // up to 2^31
  std::uint64_t number_if(const std::string& name, std::uint64_t otherwise);
  std::optional<WallTime> time_if(const std::string& name);  // 2026-11-21T15:00:00Z

  std::optional<Error> problem() const;

 private:
  const nlohmann::json* find(const std::string& name);
  void object(const std::string& name, const char* to_be);

  const nlohmann::json& given_;
  std::set<std::string> known_;
  std::optional<Error> problem_;
};

}  // namespace culvert::api
