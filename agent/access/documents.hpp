// Documents that come from files instead of the coordinator (docs/operations/freshness.md). The
// customer owns the folder, so a coordinator that holds statements back cannot stop them. Each note
// is verified like any other; the folder gives no rights.
//
// In order: the shell reads all files of the folder → learn() → the notes wait, roots first → a
// slice of the notes goes to the evidence at each deadline → what the evidence takes may change the
// rights.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/access/alarm_log.hpp"
#include "agent/access/knowledge_view.hpp"
#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::agent {

struct DocumentFile {
  std::string name;
  Result<std::string> text;  // one note or a bundle; an error: why it could not be read
};

inline constexpr std::size_t kMaxDocumentNotes = 4096;  // of all files; further notes are ignored
inline constexpr std::size_t kDocumentsSlice = 64;      // notes that are verified in one go

class Documents {
 public:
  Documents(Basis& basis, AlarmLog& alarms) : basis_(basis), alarms_(alarms) {}

  // All files of the folder, each time that the folder has changed.
  void learn(Now now, const std::vector<DocumentFile>& files);
  Instant next_deadline() const { return offer_at_; }
  void handle_timeout(Now now);               // offers the next slice
  std::optional<DocumentsView> view() const;  // nothing: no folder was ever read

 private:
  struct Waiting {  // a note that is offered to the evidence again and again until it is known
    std::string file;
    note::Note note;
    std::pair<int, std::uint64_t> rank;
    bool known = false;
  };
  using Faults = std::map<std::string, std::string>;  // file → what is wrong with it

  void offer(Now now);
  std::optional<std::string> read(const DocumentFile& file);  // the file's fault
  void offered(Waiting& document, const Result<trust::Change>& result);
  void log_once(const std::string& file, const std::string& fault);

  Basis& basis_;
  AlarmLog& alarms_;
  bool used_ = false;
  std::size_t files_ = 0;
  std::size_t taken_ = 0;  // notes of the files, as last read, that this node knows
  std::vector<Waiting> waiting_;
  std::size_t next_ = 0;  // index in `waiting_` of this round's next note
  Faults unread_;         // why a file cannot be read
  Faults refused_;        // why the last note of a file that was refused was refused
  Faults logged_;         // the fault of a file that was logged last
  Instant offer_at_ = Instant::never();
};

}  // namespace culvert::agent
