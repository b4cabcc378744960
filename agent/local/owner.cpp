#include "agent/local/owner.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <vector>

#include "proto/runtime/files.hpp"

namespace culvert::local {
namespace {

// Columns of /proc/net/tcp: 0 slot · 1 local · 2 remote · 3 state · … · 7 uid · 8 timeout · 9 inode
constexpr std::size_t kColumns = 10;
constexpr std::string_view kEstablished = "01";

std::array<std::string_view, kColumns> columns_of(std::string_view line) {
  std::array<std::string_view, kColumns> out;
  for (auto& column : out) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    column = line.substr(0, line.find(' '));
    line.remove_prefix(column.size());
  }
  return out;
}

template <class T>
std::optional<T> number(std::string_view digits, int base) {
  T value{};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// "0100007F:1F90": 32-bit words in the machine's order, then the port.
std::optional<Endpoint> parse_column(std::string_view column) {
  const auto colon = column.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  Bytes raw;
  for (std::size_t at = 0; at < colon; at += 8) {
    const auto word = number<std::uint32_t>(column.substr(at, 8), 16);
    if (!word) return std::nullopt;
    std::array<std::uint8_t, 4> bytes{};
    store_le(bytes.data(), *word);
    append(raw, bytes);
  }
  const auto address = IpAddress::from(raw);
  const auto port = number<std::uint16_t>(column.substr(colon + 1), 16);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, *port};
}

}  // namespace

// A connection whose process has closed it, or that the kernel keeps without one, is shown with uid
// 0: only an established one with an inode says whose it is.
std::optional<std::uint32_t> uid_in_table(std::string_view table, const Endpoint& local,
                                          const Endpoint& remote) {
  while (!table.empty()) {
    const auto line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    const auto columns = columns_of(line);
    if (columns[3] != kEstablished || columns[9] == "0" || columns[9].empty()) continue;
    if (parse_column(columns[1]) == local && parse_column(columns[2]) == remote) {
      return number<std::uint32_t>(columns[7], 10);
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> uid_of_datagram(std::string_view table, const Endpoint& client) {
  while (!table.empty()) {
    const auto line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    const auto columns = columns_of(line);
    if (columns[9] == "0" || columns[9].empty()) continue;
    const auto local = parse_column(columns[1]);
    if (!local || local->port != client.port) continue;
    // Not connected: bound to every address. IPv4's zero is kept as ::ffff:0.0.0.0.
    const bool any = local->address.is_unspecified() || local->address == IpAddress::v4(0, 0, 0, 0);
    if (any || local->address == client.address) return number<std::uint32_t>(columns[7], 10);
  }
  return std::nullopt;
}

bool owned_by_us(const Endpoint& client, const Endpoint& listener) {
  return owned_by(::geteuid(), client, listener);
}

bool sent_by(std::uint32_t owner, const Endpoint& client) {
  for (const char* path : {"/proc/net/udp", "/proc/net/udp6"}) {
    const auto table = runtime::read_file(path);
    if (!table) continue;
    if (const auto uid = uid_of_datagram(text(*table), client)) return *uid == 0 || *uid == owner;
  }
  return false;
}

bool owned_by(std::uint32_t owner, const Endpoint& client, const Endpoint& listener) {
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto table = runtime::read_file(path);
    if (!table) continue;
    if (const auto uid = uid_in_table(text(*table), client, listener)) {
      return *uid == 0 || *uid == owner;
    }
  }
  return false;
}

}  // namespace culvert::local
