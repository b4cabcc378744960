#include "coordinator/core/reporters.hpp"

#include "proto/note/note.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::coordinator {

Reporters::Reporters(const std::vector<std::string>& notes) {
  for (const auto& text : notes) {
    const auto note = note::parse(text);
    if (!note) continue;
    const auto node = trust::Node::parse(note->text);
    if (node) names_[crypto::format_ed25519(node->identity)] = node->name.str();
  }
}

std::string Reporters::name(const AuditRow& row) const {
  const auto found = names_.find(row.source);
  return found == names_.end() ? std::string() : found->second;
}

std::string Reporters::shown(const AuditRow& row) const {
  const auto named = name(row);
  return row.line + " reporter=" + row.source + (named.empty() ? "" : " name=" + named);
}

}  // namespace culvert::coordinator
