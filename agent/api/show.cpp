#include "agent/api/show.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace culvert::api {
namespace {

using nlohmann::json;

const char* name_of(agent::PathKind path) {
  switch (path) {
    case agent::PathKind::kRelay:
      return "relay";
    case agent::PathKind::kDirect:
      return "direct";
    case agent::PathKind::kNone:
      break;
  }
  return "none";
}

const char* name_of(agent::Role role) { return role == agent::Role::kSite ? "site" : "device"; }

const char* name_of(trust::RootKind kind) {
  return kind == trust::RootKind::kVendor ? "vendor" : "site";
}

const char* name_of(agent::RevokedWhat what) {
  switch (what) {
    case agent::RevokedWhat::kNode:
      return "node";
    case agent::RevokedWhat::kDevice:
      return "device";
    case agent::RevokedWhat::kToken:
      break;
  }
  return "token";
}

// The phase, and what an operator wants to know beside it.
std::string describe(const agent::RequestView& request) {
  std::string out(trust::phase_name(request.phase));
  if (request.missing) {
    out += " (vendor " + std::to_string(request.missing->vendor) + " missing, customer " +
           std::to_string(request.missing->customer) + " missing)";
  }
  if (request.why) out += " (" + *request.why + ")";
  return out;
}

std::string text_or_empty(const std::optional<std::string>& text) { return text.value_or(""); }

double milliseconds(Duration length) {
  return std::chrono::duration<double, std::milli>(length).count();
}
json time_or_null(const std::optional<WallTime>& at) {
  return at ? json(format_time(*at)) : json();
}
json milliseconds_or_null(const std::optional<Duration>& length) {
  return length ? json(milliseconds(*length)) : json();
}

}  // namespace

json show(const agent::PeerView& peer) {
  return {{"name", peer.name},
          {"identity", peer.identity},
          {"address", format(peer.address)},
          {"path", name_of(peer.path)},
          {"endpoint", peer.endpoint ? json(format(*peer.endpoint)) : json()},
          {"relay", peer.relay},
          {"stopped", peer.stopped},
          {"latency_ms", milliseconds_or_null(peer.latency)},
          {"handshake_age_ms", milliseconds_or_null(peer.handshake_age)},
          {"bytes_in", peer.bytes_in},
          {"bytes_out", peer.bytes_out}};
}

json show(const agent::DocumentsView& documents) {
  auto bad = json::array();
  for (const auto& [file, why] : documents.bad) bad.push_back({{"file", file}, {"why", why}});
  return {{"files", documents.files}, {"notes", documents.notes}, {"bad", std::move(bad)}};
}

namespace {

json revoked_or_null(const std::optional<agent::RevokedView>& revoked) {
  if (!revoked) return {};
  return {{"what", name_of(revoked->what)},
          {"reason", revoked->reason},
          {"when", format_time(revoked->when)},
          {"text", revoked->text}};
}

}  // namespace

json show(const agent::StatusView& status) {
  auto peers = json::array();
  for (const auto& peer : status.peers) peers.push_back(show(peer));
  auto ends = json::array();
  for (const auto& end : status.ends) {
    ends.push_back({{"what", trust::ending_name(end.what)},
                    {"of", end.of},
                    {"when", format_time(end.when)},
                    {"warning_days", end.warning ? json(*end.warning) : json()},
                    {"text", end.text}});
  }
  return {{"role", name_of(status.role)},
          {"name", status.name},
          {"identity", status.identity},
          {"person", status.person},
          {"site", status.site},
          {"address", format(status.address)},
          {"coordinator", status.coordinator},
          {"coordinator_connected", status.coordinator_connected},
          {"coordinator_error", text_or_empty(status.coordinator_error)},
          {"admitted", status.admitted},
          {"revoked", revoked_or_null(status.revoked)},
          {"home_relay", status.home_relay},
          {"relay_error", text_or_empty(status.relay_error)},
          {"relay_connected", status.relay_connected},
          {"locked", status.locked},
          {"forked", status.forked},
          {"clock_ok", status.clock_ok},
          {"audit_ok", status.audit_ok},
          {"lease_fresh", status.lease_fresh},
          {"root_epoch", status.root_epoch},
          {"policy_serial", status.policy_serial},
          {"live_grants", status.live_grants},
          {"refused_packets", status.refused_packets},
          {"lease_error", text_or_empty(status.lease_error)},
          {"ends", std::move(ends)},
          {"documents", status.documents ? show(*status.documents) : json()},
          {"peers", std::move(peers)}};
}

json show(const agent::ForkView& fork) {
  auto texts = json::array();
  for (const auto& text : fork.texts) {
    texts.push_back(
        {{"hash", text.hash}, {"kept", text.kept}, {"signers", text.signers}, {"text", text.text}});
  }
  return {{"root", name_of(fork.kind)},
          {"name", fork.name},
          {"epoch", fork.epoch},
          {"texts", std::move(texts)}};
}

json show(const agent::ServiceView& service) {
  return {{"fqdn", service.fqdn},
          {"site", service.site},
          {"protocol", service.protocol},
          {"endpoint", format(service.endpoint)},
          {"publisher", service.publisher},
          {"grant", service.grant},
          {"ends", time_or_null(service.ends)},
          {"claim_by", time_or_null(service.claim_by)},
          {"seconds", service.duration.count()},
          {"ready", service.ready},
          {"stopped", service.stopped}};
}

json show(const agent::RequestView& request) {
  std::string phase(trust::phase_name(request.phase));
  std::transform(phase.begin(), phase.end(), phase.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto& missing = request.missing;
  return {{"phase", std::move(phase)},
          {"vendor_missing", missing ? json(missing->vendor) : json()},
          {"customer_missing", missing ? json(missing->customer) : json()},
          {"grant", request.grant},
          {"site", request.site},
          {"requester", request.requester},
          {"service", request.service},
          {"reason", request.reason},
          {"state", describe(request)},
          {"ends", time_or_null(request.ends)},
          {"claim_by", time_or_null(request.claim_by)},
          {"seconds", request.duration.count()},
          {"note", request.note}};
}

json show(const agent::PingResult& ping) {
  return {{"peer", ping.peer},
          {"path", name_of(ping.path)},
          {"via", ping.via},
          {"round_trip_ms", milliseconds(ping.round_trip)}};
}

json show(const audit::Entry& entry) {
  return {{"at", format_time(entry.at)},
          {"kind", audit::name_of(entry.kind)},
          {"who", entry.who},
          {"device", entry.device},
          {"site", entry.site},
          {"grant", entry.grant},
          {"service", entry.service},
          {"outcome", entry.outcome},
          {"detail", entry.detail},
          {"count", entry.count},
          {"bytes_in", entry.bytes_in},
          {"bytes_out", entry.bytes_out}};
}

json show(const proxy::Forward& forward) {
  return {{"local", format(forward.local_endpoint())},
          {"host", forward.spec().host},
          {"port", forward.spec().port},
          {"clients", forward.clients()}};
}

}  // namespace culvert::api
