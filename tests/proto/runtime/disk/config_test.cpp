#include "proto/runtime/disk/config.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::runtime;

namespace {

std::string error_of(std::string_view text) {
  auto config = Config::parse(text, "relay.json");
  if (!config) return config.error().message;
  static_cast<void>(config->text("listen", "0.0.0.0:7444"));
  static_cast<void>(config->number("port", 1, 1, 65535));
  static_cast<void>(config->flag("stun", true));
  static_cast<void>(config->texts("names"));
  config->section("path", [](Config& c) { static_cast<void>(c.flag("allow_loopback", false)); });
  config->list("relays", [](Config& c) { static_cast<void>(c.required_text("host")); });
  config->named("upstreams",
                [](const std::string&, Config& c) { static_cast<void>(c.required_text("to")); });
  const auto done = config->finish();
  return done ? "" : done.error().message;
}

}  // namespace

TEST_CASE("a configuration gives what it holds, and defaults", "[runtime][config]") {
  auto config = Config::parse(R"({
    // comments are allowed
    "listen": "127.0.0.1:1", "port": 7, "stun": false, "names": ["a", "b"],
    /* also these */
    "path": {"allow_loopback": true},
    "relays": [{"host": "one"}, {"host": "two"}],
    "upstreams": {"api": {"to": "x:1"}, "db": {"to": "y:2"}}
  })",
                              "relay.json");
  REQUIRE(config);
  CHECK(config->has("listen"));
  CHECK(config->text("listen", "") == "127.0.0.1:1");
  CHECK(config->text("absent", "default") == "default");
  CHECK(config->number("port", 1, 1, 10) == 7);
  CHECK_FALSE(config->flag("stun", true));
  CHECK(config->texts("names") == std::vector<std::string>{"a", "b"});
  std::string seen;
  config->section("path", [&](Config& c) { seen += c.flag("allow_loopback", false) ? "L" : "-"; });
  config->section("none", [&](Config&) { seen += "!"; });
  config->list("relays", [&](Config& c) { seen += " " + c.required_text("host"); });
  config->named("upstreams", [&](const std::string& name, Config& c) {
    seen += " " + name + "=" + c.required_text("to");
  });
  CHECK(seen == "L one two api=x:1 db=y:2");
  CHECK(config->finish());
  CHECK(error_of("{}").empty());
}

TEST_CASE("each mistake names the file, the key and what would be right", "[runtime][config]") {
  CHECK(error_of(R"({"listn": 1})") ==
        "relay.json: \"listn\" is an unknown key (known here: listen, names, path, port, relays, "
        "stun, upstreams)");
  CHECK(error_of(R"({"path": {"allow": true}})") ==
        "relay.json: \"path.allow\" is an unknown key (known here: allow_loopback)");
  CHECK(error_of(R"({"relays": [{"host": "a"}, {"hots": "b"}]})") ==
        "relay.json: \"relays[1].host\" is missing");
  CHECK(error_of(R"({"relays": [{"host": "a", "x": 1}]})") ==
        "relay.json: \"relays[0].x\" is an unknown key (known here: host)");
  CHECK(error_of(R"({"upstreams": {"api": {"too": "x"}}})") ==
        "relay.json: \"upstreams.api.to\" is missing");
  CHECK(error_of(R"({"listen": 7})") == "relay.json: \"listen\" must be a string");
  CHECK(error_of(R"({"port": 0})") ==
        "relay.json: \"port\" must be a whole number from 1 to 65535");
  CHECK(error_of(R"({"port": 1.5})").ends_with("from 1 to 65535"));
  CHECK(error_of(R"({"port": 18446744073709551615})").ends_with("from 1 to 65535"));
  CHECK(error_of(R"({"stun": "yes"})") == "relay.json: \"stun\" must be true or false");
  CHECK(error_of(R"({"names": ["a", 1]})") == "relay.json: \"names\" must be a list of strings");
  CHECK(error_of(R"({"path": []})") == "relay.json: \"path\" must be an object, { … }");
  CHECK(error_of(R"({"relays": [1]})") == "relay.json: \"relays[0]\" must be an object, { … }");
  CHECK(error_of(R"({"port": 1, "port": 2})") == "relay.json: \"port\" stands twice");
  CHECK(error_of("[]") == "relay.json: must be one JSON object, { … }");
  CHECK(error_of("{\n  \"a\": }").starts_with("relay.json: not valid JSON: parse error at line 2"));
  CHECK(error_of(std::string(100'000, '[')).starts_with("relay.json: not valid JSON"));
  CHECK(Config::load("/nonexistent/relay.json").error().code == ErrorCode::kNotFound);
}
