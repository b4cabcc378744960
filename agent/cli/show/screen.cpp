#include "agent/cli/show/screen.hpp"

#include <nlohmann/json.hpp>

#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"

namespace culvert::cli {
namespace {

using nlohmann::json;

class Screen {
 public:
  explicit Screen(std::size_t columns) : columns_(columns) {}

  void line(std::string text) { lines_.push_back(std::move(text)); }
  void field(std::string_view name, const std::string& value) {
    for (auto& each : within(begin_of(name), value, columns_)) line(std::move(each));
  }
  // Adds a text of this program's own, which may contain commands to copy. Lines break only between
  // words.
  void own_words(std::string_view name, std::string_view value) {
    auto begin = begin_of(name);
    const std::size_t indent = 16;
    while (columns_ > indent + 24 && indent + value.size() > columns_) {
      const auto space = value.substr(0, columns_ - indent + 1).rfind(' ');
      if (space == std::string_view::npos || space == 0) break;
      line(begin + yellow(value.substr(0, space)));
      value.remove_prefix(space + 1);
      begin = std::string(indent, ' ');
    }
    for (auto& each : within(begin, yellow(value), columns_)) line(std::move(each));
  }
  void section(const Row& header, const std::vector<Row>& rows) {
    if (rows.empty()) return;
    line("");
    for (auto& each : table(header, rows, columns_)) line(std::move(each));
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  static std::string begin_of(std::string_view name) {
    constexpr std::size_t kNames = 14;
    return "  " + dim(name) + std::string(kNames - name.size(), ' ');
  }

  std::size_t columns_;
  std::vector<std::string> lines_;
};

// What is wrong, with the next step; empty: all is well.
std::vector<std::string> troubles(const json& status) {
  std::vector<std::string> out;
  if (!flag(status, "coordinator_connected")) {
    out.emplace_back(
        "no coordinator: grants end when their lease lapses, new ones cannot come; it is tried "
        "again by itself");
  }
  const auto revoked = status.find("revoked");
  const bool is_revoked = revoked != status.end() && revoked->is_object();
  if (is_revoked) {
    out.push_back(cell(*revoked, "text"));
  } else if (!flag(status, "admitted")) {
    out.push_back(
        "not admitted yet: " +
        (status.value("role", "") == "site"
             ? "the token is checked once the coordinator is reached"
             : "the vendor runs: culvert device list --key FILE, then device admit, for " +
                   cell(status, "identity")));
  }
  if (const auto why = status.value("relay_error", ""); !why.empty()) {
    out.push_back("no relay: " + printable(why));
  }
  if (flag(status, "locked")) {
    out.emplace_back("LOCKED: nothing is let through; culvert unlock undoes it");
  }
  if (!flag(status, "clock_ok")) {
    out.emplace_back("the clock went back: no new grants until it is right or culvert clock-reset");
  }
  if (flag(status, "forked")) {
    out.emplace_back(
        "a root has two texts for its newest epoch: no new grants until its next "
        "epoch; see both and choose: culvert fork list");
  }
  if (!flag(status, "audit_ok")) {
    out.emplace_back("the audit log cannot be written: nothing new is opened");
  }
  for (const auto& peer : rows_of(status, "peers")) {
    if (!flag(peer, "stopped")) continue;
    out.push_back("the agent " + cell(peer, "name") +
                  " has stopped: its services work again when it is started");
  }
  if (status.value("live_grants", 0) > 0 && !flag(status, "lease_fresh")) {
    out.emplace_back("the lease has lapsed: the coordinator must be reached for access to go on");
  }
  if (const auto why = status.value("lease_error", ""); !why.empty()) {
    out.push_back("no lease from the customer's lease server: " + printable(why));
  }
  for (const auto& end : rows_of(status, "ends")) {
    const auto warning = end.find("warning_days");
    if (warning != end.end() && warning->is_number()) out.push_back(cell(end, "text"));
  }
  const auto documents = status.find("documents");
  if (documents != status.end() && documents->is_object()) {
    for (const auto& bad : rows_of(*documents, "bad")) {
      out.push_back("the document " + cell(bad, "file") + " is not taken: " + cell(bad, "why"));
    }
  }
  return out;
}

void add_links(Screen& screen, const json& status) {
  const bool connected = flag(status, "coordinator_connected");
  screen.field("coordinator", connected
                                  ? green("connected") + " to " + cell(status, "coordinator")
                                  : yellow("not connected: " + cell(status, "coordinator_error")));
  const bool relayed = flag(status, "relay_connected");
  screen.field("relay", relayed ? green("connected") + " to " + cell(status, "home_relay")
                        : status.value("relay_error", "").empty()
                            ? "not connected (needed once there is a peer)"
                            : yellow("not connected"));
  const auto revoked = status.find("revoked");
  const bool ended = revoked != status.end() && revoked->is_object();
  const bool admitted = flag(status, "admitted");
  screen.field("admitted", admitted ? green("yes") : yellow(ended ? "no: revoked" : "not yet"));
  if (status.value("live_grants", 0) > 0) {
    const bool fresh = flag(status, "lease_fresh");
    screen.field("lease", fresh ? green("fresh") : yellow("lapsed"));
  }
  if (const auto refused = status.value("refused_packets", 0ULL); refused > 0) {
    screen.field("refused", std::to_string(refused) + " packets that no grant covers");
  }
}

void add_peers(Screen& screen, const json& status) {
  std::vector<Row> rows;
  for (const auto& peer : rows_of(status, "peers")) {
    const auto path = cell(peer, "path");
    const bool stopped = flag(peer, "stopped");
    const auto way = path == "direct" ? green(path) : yellow(path);
    rows.push_back({bold(cell(peer, "name")), stopped ? yellow("agent stopped") : way,
                    path == "direct" ? cell(peer, "endpoint") : cell(peer, "relay"),
                    milliseconds(peer, "latency_ms"), how_long_ago(peer, "handshake_age_ms"),
                    size_of(peer, "bytes_in"), size_of(peer, "bytes_out")});
  }
  screen.section({"PEER", "PATH", "VIA", "LATENCY", "HANDSHAKE", "IN", "OUT"}, rows);
}

Row service_row(const json& row, WallTime now) {
  return {bold(cell(row, "fqdn")), time_left(row, now),
          flag(row, "ready")     ? green("ready")
          : flag(row, "stopped") ? yellow("its agent has stopped")
                                 : yellow("waiting for a path"),
          cell(row, "publisher")};
}

void add_grants(Screen& screen, const json& services, WallTime now) {
  std::vector<Row> rows;
  for (const auto& row : rows_of(services, "services")) rows.push_back(service_row(row, now));
  screen.section({"GRANTED", "TIME LEFT", "STATE", "SERVED BY"}, rows);
}

void add_requests(Screen& screen, const json& requests, WallTime now) {
  std::vector<Row> rows;
  for (const auto& row : rows_of(requests, "requests")) {
    const auto state = cell(row, "state");
    if (!state.starts_with("PENDING")) continue;
    rows.push_back({bold(cell(row, "service")), yellow(describe_state(state)), time_left(row, now),
                    cell(row, "grant")});
  }
  screen.section({"REQUESTED", "STATE", "TIME LEFT", "GRANT"}, rows);
}

}  // namespace

std::vector<std::string> services_table(const json& services, WallTime now, std::size_t columns) {
  std::vector<Row> rows;
  for (const auto& row : rows_of(services, "services")) {
    auto cells = service_row(row, now);
    cells.push_back(cell(row, "protocol"));
    cells.push_back(cell(row, "endpoint"));
    rows.push_back(std::move(cells));
  }
  if (rows.empty()) return {};
  return table({"SERVICE", "TIME LEFT", "STATE", "SERVED BY", "PROTOCOL", "ADDRESS"}, rows,
               columns);
}

namespace {

// A node by the name in its verified statement and by its key. The name alone is not enough: a node
// may be called coordinator, and two devices may have one name.
std::string reporter_of(const json& row) {
  constexpr std::size_t kShownKey = 16;  // "ed25519:" and eight digits
  const auto reporter = cell(row, "reporter");
  if (!reporter.starts_with("ed25519:")) {
    return reporter == "coordinator" ? "(coordinator)" : reporter;
  }
  const auto key = reporter.substr(0, kShownKey) + "…";
  const auto name = cell(row, "reporter_name");
  return name == "-" ? key : name + " " + key;
}

}  // namespace

std::vector<std::string> audit_table(const json& entries, std::size_t columns) {
  std::vector<Row> rows;
  for (const auto& row : entries) {
    auto detail = cell(row, "detail");
    const auto bytes = row.value("bytes_in", 0ULL) + row.value("bytes_out", 0ULL);
    if (bytes > 0) detail = (detail == "-" ? "" : detail + ", ") + std::to_string(bytes) + " bytes";
    rows.push_back({cell(row, "at"), reporter_of(row), bold(cell(row, "kind")), cell(row, "who"),
                    cell(row, "service"), cell(row, "grant"), cell(row, "outcome"), detail});
  }
  return table({"TIME", "REPORTED BY", "WHAT", "WHO", "SERVICE", "GRANT", "OUTCOME", "DETAIL"},
               rows, columns);
}

std::vector<std::string> status_screen(const json& status, const json& services,
                                       const json& requests, WallTime now, std::size_t columns) {
  Screen screen(columns);
  const auto whose = status.value("role", "") == "site" ? "agent of " + cell(status, "site")
                                                        : "device of " + cell(status, "person");
  for (auto& each : within(bold(cell(status, "name")) + "  ", whose, columns)) {
    screen.line(std::move(each));
  }
  screen.line("");
  const auto wrong = troubles(status);
  if (wrong.empty()) screen.field("health", green("all is well"));
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    screen.own_words(i == 0 ? "health" : "", wrong[i]);
  }
  add_links(screen, status);
  screen.field("address", cell(status, "address"));
  screen.field("identity", cell(status, "identity"));
  screen.field("TCP stack", cell(status, "stack"));
  add_peers(screen, status);
  add_grants(screen, services, now);
  add_requests(screen, requests, now);
  return screen.take();
}

}  // namespace culvert::cli
