// Configuration: JSON with comments. A program asks for each key that it knows; finish() reports
// every other key as an error that names the key and the file. The first error counts, and getters
// return defaults after it, so that a program reads everything and checks once.
//
//   auto config = Config::load(path);            // Result<Config>
//   const auto listen = config->text("listen", "0.0.0.0:7444");
//   config->section("path", [&](Config& c) { loopback = c.flag("allow_loopback", false); });
//   config->list("relays", [&](Config& c) { add(c.text("host", "")); });
//   if (auto ok = config->finish(); !ok) …
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"

namespace culvert::runtime {

class Config {
 public:
  static Result<Config> parse(std::string_view text, std::string name);  // `name`: used in errors
  static Result<Config> load(const std::string& path);
  static Config empty(std::string name);  // every getter gives its default
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  bool has(std::string_view key) const;
  std::string text(std::string_view key, std::string fallback);
  std::string required_text(std::string_view key);
  std::int64_t number(std::string_view key, std::int64_t fallback, std::int64_t least,
                      std::int64_t most);
  bool flag(std::string_view key, bool fallback);
  std::vector<std::string> texts(std::string_view key);  // a list of strings
  void section(std::string_view key, const std::function<void(Config&)>& read);  // if it is there
  void list(std::string_view key, const std::function<void(Config&)>& read);     // list of objects
  // An object whose keys are free names, each with an object: {"api": {…}, "db": {…}}.
  void named(std::string_view key,
             const std::function<void(const std::string& name, Config&)>& read);

  void refuse(std::string_view key, std::string_view why);  // the caller's own error about a key
  Status finish();                                          // the first error, or an unknown key

 private:
  struct Node;
  explicit Config(std::shared_ptr<Node> node);
  std::shared_ptr<Node> node_;
};

}  // namespace culvert::runtime
