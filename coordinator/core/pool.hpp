// Members of a table of bounded size, each charged to an owner (a source, a site, a key). When the
// table is full, the caller removes a random member of the owner with the most members, so that an
// owner who floods the table loses only its own members.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/core/check.hpp"
#include "proto/core/rng.hpp"

namespace culvert::coordinator {

template <class Member>
class Pool {
 public:
  // Adds a member. A member that is in the pool already moves to the new owner.
  void add(const std::string& owner, const Member& member) {
    remove(member);
    owners_.emplace(member, owner);
    auto& list = members_[owner];
    resize(owner, list.size(), list.size() + 1);
    list.push_back(member);
  }
  void remove(const Member& member) {
    const auto found = owners_.find(member);
    if (found == owners_.end()) return;
    const auto owner = members_.find(found->second);
    auto& list = owner->second;
    resize(owner->first, list.size(), list.size() - 1);
    *std::find(list.begin(), list.end(), member) = list.back();
    list.pop_back();
    if (list.empty()) members_.erase(owner);
    owners_.erase(found);
  }
  std::size_t size() const { return owners_.size(); }
  bool contains(const Member& member) const { return owners_.contains(member); }
  std::size_t count(const std::string& owner) const {
    const auto found = members_.find(owner);
    return found == members_.end() ? 0 : found->second.size();
  }

  // A random member of the owner, who must have one.
  Member any_of(const std::string& owner, Rng& rng) const {
    const auto& list = members_.at(owner);
    return list[rng.below(list.size())];
  }
  // A random member of the fullest owner (of a random one, if several are equally full). The pool
  // must not be empty.
  Member any_of_fullest(Rng& rng) const {
    CULVERT_CHECK(!sizes_.empty());
    const auto first = sizes_.lower_bound({sizes_.rbegin()->first, std::string()});
    const auto equal = static_cast<std::size_t>(std::distance(first, sizes_.end()));
    return any_of(std::next(first, static_cast<std::ptrdiff_t>(rng.below(equal)))->second, rng);
  }

 private:
  void resize(const std::string& owner, std::size_t before, std::size_t after) {
    sizes_.erase({before, owner});
    if (after != 0) sizes_.emplace(after, owner);
  }

  std::map<Member, std::string> owners_;
  std::map<std::string, std::vector<Member>> members_;
  std::set<std::pair<std::size_t, std::string>> sizes_;
};

}  // namespace culvert::coordinator
