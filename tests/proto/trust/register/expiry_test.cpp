#include "proto/trust/register/expiry.hpp"

#include <catch2/catch.hpp>

#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;

namespace {

constexpr hours kDay{24};

Expiry lasting(std::chrono::seconds life) {
  return {Ending::kPolicy, "acme", kStart, kStart + life};
}

}  // namespace

TEST_CASE("expiry: warned at 90, 30, 7 and 1 days, and when it has ended") {
  const auto ends = lasting(365 * kDay);
  const auto at = [&](std::chrono::seconds left) { return due_warning(ends, ends.when - left); };
  CHECK_FALSE(at(365 * kDay));
  CHECK_FALSE(at(90 * kDay + std::chrono::seconds{1}));
  CHECK(at(90 * kDay) == 90);
  CHECK(at(31 * kDay) == 90);
  CHECK(at(30 * kDay) == 30);
  CHECK(at(7 * kDay) == 7);
  CHECK(at(2 * kDay) == 7);
  CHECK(at(kDay) == 1);
  CHECK(at(std::chrono::seconds{1}) == 1);
  CHECK(at(std::chrono::seconds{0}) == 0);
  CHECK(at(-kDay) == 0);
}

TEST_CASE("expiry: nothing is warned of from its first day") {
  for (const auto life : {hours(2), kDay, 3 * kDay, 14 * kDay, 60 * kDay, 90 * kDay, 400 * kDay}) {
    INFO(life.count());
    const auto ends = lasting(life);
    CHECK_FALSE(due_warning(ends, kStart));
    CHECK_FALSE(due_warning(ends, kStart + life / 3));
    CHECK(due_warning(ends, ends.when - hours(1) / 4));
  }
  CHECK(due_warning(lasting(90 * kDay), kStart + 60 * kDay) == 30);
  CHECK(due_warning(lasting(kDay), kStart + hours(18)) == 1);  // as for the admission of a laptop
  CHECK_FALSE(due_warning(lasting(kDay), kStart + hours(17)));
}

TEST_CASE("expiry: the roots and policies of the named sites, each by name") {
  World w;
  const auto evidence = w.agent_evidence();
  const auto all = expiries(evidence.who(), {w.site.id});
  REQUIRE(all.size() == 3);
  CHECK(all[0].what == Ending::kVendorRoot);
  CHECK(all[0].when == w.vendor2.expires);
  CHECK(all[1].what == Ending::kSiteRoot);
  CHECK(all[2].what == Ending::kPolicy);
  CHECK(all[2].when == w.policy.expires);
  CHECK(describe(all[2], w.policy.expires).find("has expired") != std::string::npos);
  CHECK(expiries(evidence.who(), {}).size() == 1);
  CHECK(expiries(Evidence({}, {}).who(), {w.site.id}).empty());
}
