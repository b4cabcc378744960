#include "tests/sim/places.hpp"

namespace culvert::sim {
namespace {

constexpr std::size_t kHomes = 3;

Dependence draw_dependence(Rng& rng) { return static_cast<Dependence>(rng.below(3)); }

NatBehaviour draw_behaviour(Rng& rng, bool udp) {
  NatBehaviour behaviour;
  if (rng.below(3) == 0) behaviour.mapping = draw_dependence(rng);
  behaviour.filtering = draw_dependence(rng);
  behaviour.expiry = std::chrono::seconds(30 + rng.below(91));
  behaviour.hairpin = rng.below(2) == 0;
  behaviour.keeps_port = rng.below(2) == 0;
  behaviour.udp = udp;
  return behaviour;
}

}  // namespace

Places::Places(Network& network, Rng& rng)
    : network_(network), rng_(rng), ranges_{Range::kHosts}, next_{1} {
  choices_ = {kPublic, kPublic, kPublic};
  for (std::size_t i = 0; i < kHomes; ++i) choices_.push_back(add_nat(kPublic, Range::kLan, true));
  const auto carrier = add_nat(kPublic, Range::kCarrier, true);
  choices_.push_back(carrier);
  for (int i = 0; i < 2; ++i) choices_.push_back(add_nat(carrier, Range::kLan, true));
  choices_.push_back(add_nat(kPublic, Range::kLan, false));
}

RealmId Places::add_nat(RealmId outside, Range range, bool udp) {
  const auto external = next_address(outside == kPublic ? Range::kNats : ranges_[outside], outside);
  ranges_.push_back(range);
  next_.push_back(10);
  return network_.nats().add(outside, external, draw_behaviour(rng_, udp));
}

IpAddress Places::next_address(Range range, RealmId realm) {
  const auto number = range == Range::kNats ? ++next_nat_ : next_[realm]++;
  const auto high = static_cast<std::uint8_t>(number >> 8U);
  const auto low = static_cast<std::uint8_t>(number);
  switch (range) {
    case Range::kHosts:
      return IpAddress::v4(203, 0, static_cast<std::uint8_t>(113 + high), low);
    case Range::kNats:
      return IpAddress::v4(192, 0, 2, low);
    case Range::kCarrier:
      return IpAddress::v4(100, 64, high, low);
    case Range::kLan:
      return IpAddress::v4(192, 168, static_cast<std::uint8_t>(1 + high), low);
  }
  return {};
}

Place Places::draw() {
  const auto realm = choices_[rng_.below(choices_.size())];
  return {realm, next_address(ranges_[realm], realm)};
}

RealmId Places::draw_nat() { return 1 + rng_.below(network_.nats().realms() - 1); }

void Places::renumber(RealmId nat) {
  const auto outside = network_.nats().outside(nat);
  network_.nats().renumber(
      nat, next_address(outside == kPublic ? Range::kNats : ranges_[outside], outside));
}

bool Places::must_go_direct(const Place& a, const Place& b) const {
  return network_.nats().must_go_direct(a.realm, b.realm);
}

std::string Places::describe(const Place& place) const {
  auto out = format(place.address);
  for (auto realm = place.realm; realm != kPublic; realm = network_.nats().outside(realm)) {
    out += " behind " + format(network_.nats().external(realm)) + " (" +
           sim::describe(network_.nats().behaviour(realm)) + ")";
  }
  return out;
}

}  // namespace culvert::sim
