// Result<T, E>: a value or the reason why there is none. Derived from tl::expected (Debian
// libexpected-dev) only so that [[nodiscard]] sticks; exceptions are for start-up alone.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace culvert {

// What kind of failure; programs map it to an exit code, protocols to their own error.
enum class ErrorCode {
  kInvalid,      // the input is malformed or breaks a rule of its format
  kUnverified,   // well-formed, but no signature or key vouches for it
  kStale,        // older than what is already known, or expired
  kConflict,     // contradicts what is already known
  kDenied,       // understood and refused
  kNotFound,     // no such thing (also: a thing that the asker may not see)
  kExhausted,    // a stated limit is reached
  kUnavailable,  // a peer, file or socket cannot be reached now; trying again may help
  kTimeout,
  kInternal,
};

// One clear line: what is wrong and, where it helps, what to do. Never holds a secret.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T, class E = Error>
class [[nodiscard]] Result : public tl::expected<T, E> {
 public:
  using tl::expected<T, E>::expected;
  Result(tl::expected<T, E>&& other) : tl::expected<T, E>(std::move(other)) {}
};

using Status = Result<void, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

template <class E>
tl::unexpected<E> fail_with(E error) {
  return tl::unexpected<E>(std::move(error));
}

}  // namespace culvert
