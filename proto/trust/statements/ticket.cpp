#include "proto/trust/statements/ticket.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

std::optional<crypto::RelayKey> parse_relay_key(std::string_view text) {
  const auto raw = crypto::parse_x25519(text);
  if (!raw) return std::nullopt;
  return crypto::RelayKey{*raw};
}

}  // namespace

Result<Ticket> Ticket::parse(std::string_view text) {
  FieldReader in(text, kType);
  Ticket out;
  out.vendor_id = in.vendor_id();
  out.relay = in.x25519<crypto::RelayKey>("relay");
  out.node = in.x25519<crypto::RelayKey>("node");
  out.peers = in.sorted("peer", 0, kMaxTicketPeers, parse_relay_key);
  out.rate = in.number("rate", 0, UINT64_MAX);
  out.expires = in.time("expires");
  return in.finish(std::move(out));
}

std::string Ticket::render() const {
  FieldWriter out(kType);
  out.hash("vendor-id", vendor_id.view()).line("relay", crypto::format_x25519(relay.view()));
  out.line("node", crypto::format_x25519(node.view()));
  out.each("peer", peers,
           [](const crypto::RelayKey& key) { return crypto::format_x25519(key.view()); });
  out.number("rate", rate).time("expires", expires);
  return out.take();
}

Result<Ticket> verify_ticket(std::string_view note, std::span<const note::KnownKey> ticket_keys,
                             const crypto::RelayKey& relay, WallTime now) {
  const auto parsed = note::parse(note);
  if (!parsed) return fail_with(parsed.error());
  auto ticket = Ticket::parse(parsed->text);
  if (!ticket) return ticket;
  const auto signers = note::verify(*parsed, ticket_keys);
  if (!signers) return fail_with(signers.error());
  if (signers->empty()) return fail(ErrorCode::kUnverified, "ticket: no ticket key signed it");
  if (ticket->relay != relay) return fail(ErrorCode::kUnverified, "ticket: for another relay");
  if (now >= ticket->expires) return fail(ErrorCode::kStale, "ticket: expired");
  return ticket;
}

}  // namespace culvert::trust
