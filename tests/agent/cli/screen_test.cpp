// How commands print answers of the agent: fields, tables, the status screen, pings.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "agent/cli/running/ping.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/show/screen.hpp"

using namespace culvert;
using namespace culvert::cli;
using nlohmann::json;

namespace {

const WallTime kNow = *parse_time("2026-11-22T09:00:00Z");

// Removes colour sequences, which a test run on a terminal prints.
std::string plain(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\x1b') {
        i = line.find('m', i);
      } else {
        out += line[i];
      }
    }
    out += "\n";
  }
  return out;
}

json healthy() {
  return {{"role", "device"},
          {"name", "alice-laptop"},
          {"identity", "ed25519:aa"},
          {"person", "alice@vendor.example"},
          {"address", "fd63::1"},
          {"stack", "kernel"},
          {"coordinator", "https://hub:7443"},
          {"coordinator_connected", true},
          {"admitted", true},
          {"home_relay", "hub"},
          {"relay_connected", true},
          {"locked", false},
          {"clock_ok", true},
          {"audit_ok", true},
          {"lease_fresh", true},
          {"live_grants", 1},
          {"refused_packets", 0},
          {"peers",
           {{{"name", "acme-agent"},
             {"path", "direct"},
             {"endpoint", "192.0.2.7:51820"},
             {"relay", "hub"},
             {"latency_ms", 2.14},
             {"handshake_age_ms", 2236.1},
             {"bytes_in", 2584},
             {"bytes_out", 1796}}}}};
}
json services() {
  return {{"services",
           {{{"fqdn", "api.acme.example"},
             {"ends", "2026-11-22T09:14:58Z"},
             {"ready", true},
             {"publisher", "acme-agent"},
             {"protocol", "tls"},
             {"endpoint", "[fd63::2]:443"},
             {"grant", "01M"}}}}};
}
json requests(const std::string& state) {
  return {{"requests",
           {{{"grant", "01N"},
             {"service", "db.acme.example"},
             {"state", state},
             {"ends", "2026-11-22T10:00:00Z"}}}}};
}

// Joins rows that were broken between words.
std::string in_one_line(const std::vector<std::string>& lines) {
  std::string out;
  for (const char c : plain(lines)) {
    const bool blank = c == ' ' || c == '\n';
    if (!blank || (!out.empty() && out.back() != ' ')) out += blank ? ' ' : c;
  }
  return out;
}

}  // namespace

TEST_CASE("cli fields: latency, bytes, ages, time left") {
  const json row = {{"a", 0.043},  {"b", 2.149},      {"c", 120.4},
                    {"n", json()}, {"old", 65'000.0}, {"ends", "2026-11-22T09:14:58Z"}};
  CHECK(milliseconds(row, "a") == "0.04 ms");
  CHECK(milliseconds(row, "b") == "2.1 ms");
  CHECK(milliseconds(row, "c") == "120 ms");
  CHECK(milliseconds(row, "n") == "-");
  CHECK(milliseconds(row, "absent") == "-");
  CHECK(how_long_ago(row, "old") == "1m5s ago");
  CHECK(how_long_ago(row, "n") == "never");
  CHECK(time_left(row, kNow) == "14m58s");
  CHECK(time_left({{"ends", "2026-11-22T08:00:00Z"}}, kNow) == "0s");
  CHECK(time_left({{"ends", json()}}, kNow) == "-");
  json unused = {{"ends", "2026-11-22T13:15:00Z"},
                 {"claim_by", "2026-11-22T13:00:00Z"},
                 {"seconds", 900},
                 {"state", "APPROVED"}};
  CHECK(time_left(unused, kNow) == "unused: use it within 4h (by 2026-11-22T13:00:00Z), then 15m");
  unused["state"] = "PENDING (vendor 1 missing, customer 0 missing)";
  CHECK(time_left(unused, kNow) == "4h15m");
  CHECK(size_of({{"x", 1023}}, "x") == "1023 B");
  CHECK(size_of({{"x", 2584}}, "x") == "2.5 KiB");
  CHECK(size_of({{"x", 5'000'000'000}}, "x") == "4.7 GiB");
  CHECK(cell({{"x", "a\x1b[31m"}}, "x") == "a\\u{1b}[31m");
}

TEST_CASE("cli fields: who has still to approve") {
  CHECK(describe_state("PENDING") == "waits for approvals");
  CHECK(describe_state("PENDING (vendor 1 missing, customer 2 missing)") ==
        "waits for 1 approval by the vendor and 2 approvals by the customer");
  CHECK(describe_state("PENDING (vendor 0 missing, customer 1 missing)") ==
        "waits for 1 approval by the customer");
  CHECK(describe_state("ACTIVE") == "ACTIVE");
  CHECK(is_undecided("PENDING (vendor 1 missing, customer 1 missing)"));
  CHECK(is_undecided("APPROVED"));
  CHECK_FALSE(is_undecided("DENIED"));
  CHECK_FALSE(is_undecided("INVALID (the site's policy lists no such service)"));
}

TEST_CASE("cli table: aligned where it fits, a block for each row where it does not") {
  const std::vector<Row> rows = {{"one", "é", "last"}, {"longer", "x", "y"}};
  CHECK(plain(table({"NAME", "MIDDLE", "END"}, rows, 0)) ==
        "NAME    MIDDLE  END\none     é       last\nlonger  x       y\n");
  CHECK(plain(table({"NAME", "MIDDLE", "END"}, rows, 20)) ==
        plain(table({"NAME", "MIDDLE", "END"}, rows, 0)));
  CHECK(plain(table({"NAME", "MIDDLE", "END"}, rows, 19)) ==
        "one\n  MIDDLE  é\n  END     last\nlonger\n  MIDDLE  x\n  END     y\n");
}

TEST_CASE("cli status: all is well") {
  CHECK(plain(status_screen(healthy(), services(),
                            requests("PENDING (vendor 0 missing, customer 1 missing)"), kNow, 0)) ==
        R"(alice-laptop  device of alice@vendor.example

  health        all is well
  coordinator   connected to https://hub:7443
  relay         connected to hub
  admitted      yes
  lease         fresh
  address       fd63::1
  identity      ed25519:aa
  TCP stack     kernel

PEER        PATH    VIA              LATENCY  HANDSHAKE  IN       OUT
acme-agent  direct  192.0.2.7:51820  2.1 ms   2s ago     2.5 KiB  1.8 KiB

GRANTED           TIME LEFT  STATE  SERVED BY
api.acme.example  14m58s     ready  acme-agent

REQUESTED        STATE                                 TIME LEFT  GRANT
db.acme.example  waits for 1 approval by the customer  1h         01N
)");
}

TEST_CASE("cli status: what is wrong stands first, with the next step") {
  auto status = healthy();
  status["coordinator_connected"] = false;
  status["coordinator_error"] = "connection refused";
  status["admitted"] = false;
  status["locked"] = true;
  status["clock_ok"] = false;
  status["audit_ok"] = false;
  status["lease_fresh"] = false;
  status["peers"] = json::array();
  const auto text = in_one_line(status_screen(status, json::object(), json::object(), kNow, 80));
  INFO(text);
  for (const char* part :
       {"no coordinator: ", "culvert device list --key FILE, then device admit, for ed25519:aa",
        "culvert unlock", "culvert clock-reset", "nothing new is opened", "the lease has lapsed",
        "not connected: connection refused", "admitted not yet"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find("all is well") == std::string::npos);
  CHECK(text.find("PEER") == std::string::npos);
  CHECK(text.find("REQUESTED") == std::string::npos);
}

TEST_CASE("cli status: what ends soon, a bad document and a missing lease are no good health") {
  auto status = healthy();
  const json quiet = {
      {"what", "site-root"}, {"warning_days", nullptr}, {"text", "the site's root"}};
  status["ends"] = {quiet};
  status["documents"] = {{"files", 1}, {"notes", 1}, {"bad", json::array()}};
  status["lease_error"] = "";
  const auto shown = [&] {
    return plain(status_screen(status, json::object(), json::object(), kNow, 0));
  };
  CHECK(shown().find("all is well") != std::string::npos);
  status["ends"] = {quiet, {{"what", "policy"}, {"warning_days", 30}, {"text", "the policy ends"}}};
  CHECK(shown().find("health        the policy ends") != std::string::npos);
  CHECK(shown().find("all is well") == std::string::npos);
  CHECK(shown().find("the site's root") == std::string::npos);
  status["ends"] = json::array();
  status["documents"]["bad"] = {{{"file", "x.note"}, {"why", "forged\x1b[2J"}}};
  CHECK(shown().find("x.note is not taken: forged") != std::string::npos);
  CHECK(shown().find("all is well") == std::string::npos);
  status["documents"] = nullptr;
  status["lease_error"] = "connection refused";
  CHECK(shown().find("connection refused") != std::string::npos);
  CHECK(shown().find("all is well") == std::string::npos);
}

TEST_CASE("cli status: a revoked node and a relay that is refused") {
  auto status = healthy();
  status["revoked"] = nullptr;
  status["relay_error"] = "";
  const auto shown = [&] {
    return in_one_line(status_screen(status, json::object(), json::object(), kNow, 0));
  };
  CHECK(shown().find("all is well") != std::string::npos);
  status["relay_connected"] = false;
  CHECK(shown().find("relay not connected (needed once there is a peer)") != std::string::npos);
  status["relay_error"] = "the address 10.0.0.1 is refused; next: say so";
  CHECK(shown().find("no relay: the address 10.0.0.1 is refused; next: say so") !=
        std::string::npos);
  CHECK(shown().find("needed once") == std::string::npos);
  status["admitted"] = false;
  status["revoked"] = {{"what", "device"}, {"text", "this laptop was revoked (stolen)"}};
  CHECK(shown().find("this laptop was revoked (stolen)") != std::string::npos);
  CHECK(shown().find("admitted no: revoked") != std::string::npos);
  CHECK(shown().find("not admitted yet") == std::string::npos);
}

TEST_CASE("cli status: requests that are decided are not waited for") {
  const auto text = plain(status_screen(healthy(), json::object(), requests("DENIED"), kNow, 0));
  CHECK(text.find("REQUESTED") == std::string::npos);
}

TEST_CASE("cli ping: until direct, ten at most, or exactly so many") {
  Pings until(0);
  int sent = 0;
  for (; until.more(); ++sent) until.answered(sent == 2);
  CHECK(sent == 3);
  CHECK_FALSE(until.summary("x"));

  Pings relayed(0);
  for (sent = 0; relayed.more(); ++sent) relayed.answered(false);
  CHECK(sent == kMaxPings);
  CHECK(relayed.any());
  CHECK(relayed.summary("x")->starts_with("still by relay"));

  Pings exactly(4);
  for (sent = 0; exactly.more(); ++sent) {
    if (sent == 1) {
      exactly.unanswered();
    } else {
      exactly.answered(true);
    }
  }
  CHECK(sent == 4);
  CHECK(exactly.summary("x") == "3 of 4 pings were answered");

  Pings none(1);
  none.unanswered();
  CHECK_FALSE(none.more());
  CHECK_FALSE(none.any());
  CHECK(none.summary("x")->starts_with("no answer from x to 1 ping;"));
}
