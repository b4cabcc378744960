// Where a program keeps what must survive: small named values, durable once put() has returned. All
// agents of a site may share one store, so a value is replaced only by who has seen its last
// version.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxStoreValue = 16 * 1024 * 1024;

// Names: lower-case letters, digits, '-', '_' and '.', 1 to 64, not starting with a dot.
bool valid_store_name(std::string_view name);

struct StoredValue {
  Bytes bytes;
  std::uint64_t version = 0;  // 0 never occurs: it means "absent" in replace()
};

class StateStore {
 public:
  StateStore() = default;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;
  virtual ~StateStore() = default;

  // Nothing: no such value. Errors say what is wrong with the store and what to do.
  virtual Result<std::optional<StoredValue>> load(std::string_view name) = 0;
  // Replaces the value if its version is still `expected` (0: if it is absent) and returns the new
  // version. kConflict: someone else was faster, load again. Others: read-only, full, gone.
  virtual Result<std::uint64_t> replace(std::string_view name, ByteView value,
                                        std::uint64_t expected) = 0;
  virtual Status remove(std::string_view name) = 0;  // absent already: fine

  Result<std::optional<Bytes>> get(std::string_view name);  // load() without the version
  Status put(std::string_view name, ByteView value);        // replaces whatever is there
};

}  // namespace culvert::trust
