#include "agent/api/arguments.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using culvert::api::Arguments;
using nlohmann::json;

TEST_CASE("arguments: read by name and type") {
  const json given = {{"service", "api"}, {"seconds", 900}, {"since", "2026-11-21T15:00:00Z"}};
  Arguments arguments(given);
  CHECK(arguments.text("service") == "api");
  CHECK(arguments.number("seconds") == 900);
  CHECK(arguments.time_if("since") == parse_time("2026-11-21T15:00:00Z"));
  CHECK(arguments.text_if("who").empty());
  CHECK(arguments.number_if("limit", 7) == 7);
  CHECK_FALSE(arguments.time_if("until"));
  CHECK_FALSE(arguments.problem());
}

TEST_CASE("arguments: the problem names the argument") {
  struct Case {
    json given;
    std::string in_message;
  };
  const std::vector<Case> cases = {{json::object(), "service"},
                                   {{{"service", 1}}, "service"},
                                   {{{"service", ""}}, "service"},
                                   {{{"service", "api"}, {"limit", -1}}, "limit"},
                                   {{{"service", "api"}, {"limit", 1.5}}, "limit"},
                                   {{{"service", "api"}, {"limit", 1ULL << 40U}}, "limit"},
                                   {{{"service", "api"}, {"since", "yesterday"}}, "since"},
                                   {{{"service", "api"}, {"colour", "red"}}, "colour"}};
  for (const auto& c : cases) {
    INFO(c.given.dump());
    Arguments arguments(c.given);
    arguments.text("service");
    arguments.number_if("limit", 7);
    arguments.time_if("since");
    REQUIRE(arguments.problem());
    CHECK(arguments.problem()->code == ErrorCode::kInvalid);
    CHECK(arguments.problem()->message.find(c.in_message) != std::string::npos);
  }
}
