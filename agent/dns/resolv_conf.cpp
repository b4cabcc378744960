#include "agent/dns/resolv_conf.hpp"

namespace culvert::dns {
namespace {

constexpr std::string_view kHead =
    "# culvert resolves the names of granted services and forwards all others.\n"
    "# The text before is put back when it stops.\n";
constexpr std::string_view kResolvedStub = "127.0.0.53";
constexpr std::string_view kBlank = " \t";

// "nameserver 10.0.0.1 # note" → "10.0.0.1"
std::string_view server_of(std::string_view line) {
  constexpr std::string_view kWord = "nameserver";
  if (!line.starts_with(kWord)) return {};
  line.remove_prefix(kWord.size());
  const auto start = line.find_first_not_of(kBlank);
  if (start == 0 || start == std::string_view::npos) return {};
  line.remove_prefix(start);
  return line.substr(0, line.find_first_of(" \t\r"));
}

}  // namespace

ResolvConf ResolvConf::read(std::string_view text) {
  ResolvConf out;
  out.with_stub = std::string(kHead) + "nameserver " + std::string(kStubAddress) + "\n";
  bool any = false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto server = server_of(line);
    if (server.empty()) {
      out.with_stub.append(line).append("\n");
      continue;
    }
    out.names_stub = out.names_stub || server == kStubAddress;
    out.names_resolved = out.names_resolved || (!any && server == kResolvedStub);
    any = true;
    const auto address = parse_address(server);
    if (!address || server == kStubAddress || out.servers.size() >= kMaxServers) continue;
    out.servers.push_back({*address, kDnsPort});
  }
  // The C library's default.
  if (!any) out.servers.push_back({IpAddress::v4(127, 0, 0, 1), kDnsPort});
  return out;
}

Found compare(std::string_view current, std::string_view before, std::string_view ours) {
  if (current == before) return Found::kUntouched;
  if (ours.starts_with(current) || before.starts_with(current)) return Found::kOurs;
  return Found::kForeign;
}

}  // namespace culvert::dns
