// DNS queries in, answers out (RFC 1035 §4.1), and the little that a forwarder must see of a
// response. Pure.
//
//   header    0 id · 2 QR 1 bit ‖ opcode 4 ‖ AA ‖ TC ‖ RD · 3 RA ‖ Z ‖ AD ‖ CD ‖ rcode 4 ·
//             4 questions · 6 answers · 8 authorities · 10 additional
//   name      labels: length 1–63 ‖ bytes; 0 ends it; 11xxxxxx xxxxxxxx points to an earlier name
//   question  name · type u16 · class u16
//   record    name · type u16 · class u16 · ttl u32 · length u16 · data
//
// Strict: one question, no answers or authorities, whole records, nothing behind them. Pointers
// lead backwards only, so that every name ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"

namespace culvert::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxName = 255;        // bytes on the wire, RFC 1035 §2.3.4
inline constexpr std::size_t kMaxMessage = 65535;   // over TCP
inline constexpr std::size_t kMaxAdditional = 4;    // records behind a question; more: malformed
inline constexpr std::uint16_t kUdpPayload = 1232;  // what we say in EDNS (RFC 6891 §6.2.3)
inline constexpr std::uint32_t kTimeToLive = 2;     // seconds: a grant may end at any time

enum Type : std::uint16_t { kTypeA = 1, kTypeAaaa = 28, kTypeOpt = 41, kTypeAny = 255 };
inline constexpr std::uint16_t kClassInternet = 1;

enum class Rcode : std::uint16_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // of EDNS
};

struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  std::string name;  // lower case, without the last dot; bytes outside a-z 0-9 - _ as \DDD
  std::uint16_t type = 0;
  std::uint16_t class_ = 0;
  Bytes question;  // as it came
  bool edns = false;
  std::uint8_t edns_version = 0;
};

// What is wrong with a message. kSilent: too short to answer, or itself an answer.
enum class Fault { kSilent, kMalformed, kUnknownOpcode };

Result<Query, Fault> parse_query(ByteView message);

// With `address`, one AAAA record. Without a SOA record nobody keeps a negative answer
// (RFC 2308 §5).
Bytes make_answer(const Query& query, Rcode code, const std::optional<IpAddress>& address = {});
std::optional<Bytes> make_error(ByteView message, Fault fault);  // a header alone

// Is this the response to what was asked under `id`? The rest of it is the asker's business.
bool is_response_to(ByteView response, const Query& asked, std::uint16_t id);
void set_id(MutableByteView message, std::uint16_t id);  // of at least a header

}  // namespace culvert::dns
