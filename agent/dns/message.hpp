// Reads DNS queries and makes answers (RFC 1035 §4.1). Of a response, checks only what a forwarder
// needs. Queries come from agent/tun/stub.cpp; names.hpp decides on the answer. Pure.
//
//   header    0 id · 2 QR 1 bit ‖ opcode 4 ‖ AA ‖ TC ‖ RD · 3 RA ‖ Z ‖ AD ‖ CD ‖ rcode 4 ·
//             4 questions · 6 answers · 8 authorities · 10 additional
//   name      labels: length 1–63 ‖ bytes; 0 ends it; 11xxxxxx xxxxxxxx points to an earlier name
//   question  name · type u16 · class u16
//   record    name · type u16 · class u16 · ttl u32 · length u16 · data
//
// Strict: one question, no answers or authorities, whole records, no bytes after the last record.
// Pointers must lead backwards, so that every name ends.
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
inline constexpr std::size_t kMaxAdditional = 4;    // records after a question; more: malformed
inline constexpr std::uint16_t kUdpPayload = 1232;  // bytes; our EDNS value (RFC 6891 §6.2.3)
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
  kBadVersion = 16,  // EDNS version not supported
};

struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  std::string name;  // lower case, without the last dot; bytes outside a-z 0-9 - _ as \DDD
  std::uint16_t type = 0;
  std::uint16_t class_ = 0;
  Bytes question;  // the question's bytes, unchanged
  bool edns = false;
  std::uint8_t edns_version = 0;
};

// What is wrong with a message. kSilent: too short for an answer, or a response.
enum class Fault { kSilent, kMalformed, kUnknownOpcode };

Result<Query, Fault> parse_query(ByteView message);

// With `address`: one AAAA record. There is no SOA record, so that resolvers do not cache a
// negative answer (RFC 2308 §5).
Bytes make_answer(const Query& query, Rcode code, const std::optional<IpAddress>& address = {});
std::optional<Bytes> make_error(ByteView message, Fault fault);  // only a header

// Whether `response` answers the question `asked` that was sent with `id`. The content of the
// answer is not checked: the client does that.
bool is_response_to(ByteView response, const Query& asked, std::uint16_t id);
void set_id(MutableByteView message, std::uint16_t id);  // `message` has at least a header

}  // namespace culvert::dns
