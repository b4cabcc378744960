// The type name and the fields of every message, for both the writer and the reader of its JSON. IO
// is called as io(key, value) or io(key, value, limits). M is the message, const for the writer.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "proto/control/message.hpp"

namespace culvert::control {

struct Limit {
  std::size_t length = 0;  // bytes of one string
  std::size_t count = 0;   // elements of a list
};
inline constexpr std::size_t kMaxName = 253;  // FQDNs, hosts, relay and grant ids, run
inline constexpr std::size_t kMaxText = 512;  // error messages and states
inline constexpr std::size_t kMaxDrops = 8192;
inline constexpr std::size_t kMaxOffered = 2048;       // ids in one offer
inline constexpr std::size_t kMaxRevokedSites = 4096;  // sites in one welcome

inline constexpr std::string_view type_of(const Hello&) { return "hello"; }
inline constexpr std::string_view type_of(const Prove&) { return "prove"; }
inline constexpr std::string_view type_of(const Put&) { return "put"; }
inline constexpr std::string_view type_of(const SiteInfo&) { return "site_info"; }
inline constexpr std::string_view type_of(const LeaseRequest&) { return "lease_request"; }
inline constexpr std::string_view type_of(const TicketRequest&) { return "ticket_request"; }
inline constexpr std::string_view type_of(const List&) { return "list"; }
inline constexpr std::string_view type_of(const AuditUpload&) { return "audit"; }
inline constexpr std::string_view type_of(const AuditQuery&) { return "audit_query"; }
inline constexpr std::string_view type_of(const Offer&) { return "offer"; }
inline constexpr std::string_view type_of(const Ping&) { return "ping"; }
inline constexpr std::string_view type_of(const Welcome&) { return "welcome"; }
inline constexpr std::string_view type_of(const Delta&) { return "delta"; }
inline constexpr std::string_view type_of(const Lease&) { return "lease"; }
inline constexpr std::string_view type_of(const Ticket&) { return "ticket"; }
inline constexpr std::string_view type_of(const Reply&) { return "reply"; }
inline constexpr std::string_view type_of(const ErrorReply&) { return "error"; }
inline constexpr std::string_view type_of(const Pong&) { return "pong"; }

template <class M, class T>
concept Is = std::is_same_v<std::remove_const_t<M>, T>;

template <class IO, class M>
void fields(IO& io, M& m) {
  constexpr Limit kName{kMaxName};
  constexpr Limit kNote{kMaxNoteSize};
  constexpr Limit kNotes{kMaxNoteSize, kMaxNotes};
  constexpr Limit kLines{kMaxAuditLine, kMaxAuditEntries};
  if constexpr (requires { m.id; } && !Is<M, RelayInfo>) io("id", m.id);
  if constexpr (requires { m.re; }) io("re", m.re);
  if constexpr (Is<M, Hello>) {
    io("version", m.version), io("node", m.node, kNote),
        io("enrolment", m.enrolment, Limit{kMaxEnrolmentBundle});
    io("run", m.run, kName), io("since", m.since), io("stored", m.stored);
  } else if constexpr (Is<M, Prove>) {
    io("key", m.key), io("signature", m.signature);
  } else if constexpr (Is<M, Put>) {
    io("notes", m.notes, kNotes);
  } else if constexpr (Is<M, SiteInfo>) {
    io("fqdn", m.fqdn, kName);
  } else if constexpr (Is<M, LeaseRequest>) {
    io("site", m.site), io("nonce", m.nonce), io("grants", m.grants, Limit{kMaxName, kMaxGrants});
  } else if constexpr (Is<M, TicketRequest>) {
    io("relay", m.relay, kName);
  } else if constexpr (Is<M, List>) {
    io("what", m.what), io("site", m.site, kName), io("page", m.page, kName);
  } else if constexpr (Is<M, AuditUpload>) {
    io("first", m.first), io("entries", m.entries, kLines);
  } else if constexpr (Is<M, AuditQuery>) {
    io("site", m.site, kName), io("before", m.before);
  } else if constexpr (Is<M, Offer>) {
    io("ids", m.ids, Limit{0, kMaxOffered}), io("notes", m.notes, kNotes);
  } else if constexpr (Is<M, RevocationSet>) {
    io("site", m.site), io("count", m.count), io("digest", m.digest);
  } else if constexpr (Is<M, RelayInfo>) {
    io("id", m.id, kName), io("host", m.host, kName), io("port", m.port);
    io("stun_port", m.stun_port), io("key", m.key), io("certificate", m.certificate);
  } else if constexpr (Is<M, Welcome>) {
    io("version", m.version), io("run", m.run, kName), io("seq", m.seq);
    io("relays", m.relays, Limit{0, kMaxRelays});
    io("stored", m.stored), io("audit_next", m.audit_next), io("offer", m.offer);
    io("revocations", m.revocations, Limit{0, kMaxRevokedSites});
  } else if constexpr (Is<M, Delta>) {
    io("seq", m.seq), io("full", m.full), io("more", m.more), io("put", m.put, kNotes);
    io("drop", m.drop, Limit{0, kMaxDrops}), io("after", m.after), io("stored", m.stored);
  } else if constexpr (Is<M, Lease>) {
    io("note", m.note, kNote);
  } else if constexpr (Is<M, Ticket>) {
    io("relay", m.relay, kName), io("note", m.note, kNote);
  } else if constexpr (Is<M, Listed>) {
    io("note", m.note, kNote), io("state", m.state, Limit{kMaxText});
  } else if constexpr (Is<M, Reply>) {
    io("entries", m.entries, kNotes), io("notes", m.notes, kNotes), io("lines", m.lines, kLines);
    io("policy", m.policy), io("next", m.next), io("page", m.page, kName);
  } else if constexpr (Is<M, ErrorReply>) {
    io("code", m.code), io("message", m.message, Limit{kMaxText});
  } else {
    static_assert(Is<M, Ping> || Is<M, Pong>);
  }
}

}  // namespace culvert::control
