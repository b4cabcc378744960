// Counts the bytes of records that wait before their connections' login, by source. The sum is
// bounded: beyond the bound, a random login of the source with the most bytes is closed.
#pragma once

#include <map>
#include <set>
#include <string>

#include "coordinator/core/core.hpp"
#include "coordinator/core/pool.hpp"

namespace culvert::coordinator {

class LoginBytes {
 public:
  void add(const std::string& source, ConnectionId id, std::size_t bytes);
  void remove(ConnectionId id);
  std::size_t of(ConnectionId id) const;
  std::size_t total() const { return total_; }
  ConnectionId any_of_fullest(Rng& rng) const;  // only while bytes are held

 private:
  struct Held {
    std::string source;
    std::size_t bytes = 0;
  };
  void resize(const std::string& source, std::size_t before, std::size_t after);

  std::map<ConnectionId, Held> held_;
  Pool<ConnectionId> by_source_;
  std::map<std::string, std::size_t> bytes_;  // of each source
  std::set<std::pair<std::size_t, std::string>> sizes_;
  std::size_t total_ = 0;
};

}  // namespace culvert::coordinator
