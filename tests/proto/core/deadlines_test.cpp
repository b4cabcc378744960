#include "proto/core/deadlines.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "tests/support/seeded_rng.hpp"

using namespace culvert;

namespace {

struct Item {
  int key = 0;
  Instant queued = Instant::never();
};

}  // namespace

TEST_CASE("deadlines: items come up in order of time, then of their keys") {
  std::array<Item, 3> items{{{3, {}}, {1, {}}, {2, {}}}};
  for (Item& item : items) item.queued = Instant::never();
  Deadlines<int, Item*> deadlines;
  for (Item& item : items) deadlines.set(item.key, &item, item.queued, Instant{100});
  deadlines.set(2, &items[2], items[2].queued, Instant{50});
  CHECK(deadlines.next() == Instant{50});
  CHECK(deadlines.first_due(Instant{49}) == nullptr);
  std::vector<int> order;
  while (Item* item = deadlines.first_due(Instant{100})) {
    order.push_back(item->key);
    deadlines.forget(item->key, item->queued);
  }
  CHECK(order == std::vector{2, 1, 3});
  CHECK(deadlines.next() == Instant::never());
  CHECK(deadlines.first_due(Instant::never()) == nullptr);
}

TEST_CASE("deadlines: each item has at most one entry, at the time that was set last") {
  SeededRng rng(7);
  std::array<Item, 20> items;
  for (int i = 0; i < 20; ++i) items[static_cast<std::size_t>(i)].key = i;
  Deadlines<int, Item*> deadlines;
  for (int step = 0; step < 2000; ++step) {
    Item& item = items[rng.below(items.size())];
    const bool none = rng.below(5) == 0;
    const Instant due = none ? Instant::never() : Instant{std::int64_t(rng.below(1000))};
    deadlines.set(item.key, &item, item.queued, due);
    CHECK(item.queued == due);
    Instant first = Instant::never();
    std::size_t queued = 0;
    for (const Item& each : items) {
      first = std::min(first, each.queued);
      if (each.queued != Instant::never()) ++queued;
    }
    CHECK(deadlines.next() == first);
    CHECK(deadlines.size() == queued);
  }
}
