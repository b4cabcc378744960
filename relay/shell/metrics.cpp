#include "relay/shell/metrics.hpp"

#include "proto/runtime/loop/metrics.hpp"

namespace culvert::relay {
namespace {

struct Line {
  const char* name;
  const char* help;
  std::uint64_t Counters::*value;
};
constexpr Line kLines[] = {
    {"connections_opened", "upgraded connections", &Counters::connections_opened},
    {"connections_refused", "no room, or while draining", &Counters::connections_refused},
    {"logins", "clients admitted", &Counters::logins},
    {"logins_refused", "bad box, challenge or ticket, or too late", &Counters::logins_refused},
    {"tickets_renewed", "renewals accepted", &Counters::tickets_renewed},
    {"tickets_refused", "renewals refused", &Counters::tickets_refused},
    {"tickets_expired", "connections closed at their ticket's end", &Counters::tickets_expired},
    {"malformed", "connections closed for a malformed frame", &Counters::malformed},
    {"frames_skipped", "frames of unknown types", &Counters::frames_skipped},
    {"packets_received", "packets from clients", &Counters::packets_received},
    {"packet_bytes_received", "bytes of packets from clients", &Counters::bytes_received},
    {"packets_queued", "packets for their destination", &Counters::packets_queued},
    {"bytes_sent", "bytes of frames to clients", &Counters::bytes_sent},
    {"silent", "connections closed because nothing was heard", &Counters::silent},
    {"stalled", "connections closed because they took nothing", &Counters::stalled},
};
constexpr Line kDropped[] = {
    {"not_pair", "", &Counters::dropped_not_pair}, {"not_here", "", &Counters::dropped_not_here},
    {"queue", "", &Counters::dropped_queue},       {"late", "", &Counters::dropped_late},
    {"rate", "", &Counters::dropped_rate},
};

}  // namespace

std::string expose(const Core& core, const StunCounters& stun, const runtime::TlsCounters& tls,
                   const DoorCounters& doors) {
  runtime::Metrics metrics;
  const auto count = [&](const std::string& name, const char* help, std::uint64_t value,
                         const std::string& labels = "") {
    metrics.counter("culvert_relay_" + name + "_total", help, labels)
        .set(static_cast<std::int64_t>(value));
  };
  metrics.gauge("culvert_relay_connections", "open now")
      .set(static_cast<std::int64_t>(core.connection_count()));
  metrics.gauge("culvert_relay_clients", "keys logged in now")
      .set(static_cast<std::int64_t>(core.client_count()));
  for (const auto& line : kLines) count(line.name, line.help, core.counters().*line.value);
  for (const auto& line : kDropped) {
    count("packets_dropped", "packets and frames not delivered", core.counters().*line.value,
          "reason=\"" + std::string(line.name) + "\"");
  }
  count("stun", "STUN datagrams", stun.answered, "result=\"answered\"");
  count("stun", "STUN datagrams", stun.malformed, "result=\"malformed\"");
  count("stun", "STUN datagrams", stun.limited, "result=\"limited\"");
  count("tls_handshakes", "TLS handshakes", tls.handshakes, "result=\"done\"");
  count("tls_handshakes", "TLS handshakes", tls.failed, "result=\"failed\"");
  count("requests_refused", "malformed HTTP heads", doors.requests_refused);
  metrics.gauge("culvert_relay_strangers", "connections before their login")
      .set(static_cast<std::int64_t>(doors.strangers));
  count("strangers_replaced", "connections reset before their login, for newer ones",
        doors.strangers_replaced);
  count("log_lines_dropped", "log lines that standard error had no room for",
        doors.log_lines_dropped);
  return metrics.exposition();
}

}  // namespace culvert::relay
