//! Rotation, torn lines, and a disk that is full.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cityseal-events-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        Self(folder)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _absent = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_are_rotated_at_their_size_and_the_oldest_is_dropped() {
    let folder = Folder::new("rotated");
    // Two lines of 5 bytes fill a file exactly.
    let mut files = EventFiles::open(&folder.0, 10, 3).unwrap();
    for line in 0..9 {
        files.add(&format!("{line:04}")).unwrap();
    }
    assert_eq!(folder.text("events.jsonl"), "0008\n");
    assert_eq!(folder.text("events.1.jsonl"), "0006\n0007\n");
    assert_eq!(folder.text("events.2.jsonl"), "0004\n0005\n");
    assert!(!folder.0.join("events.3.jsonl").exists());
}

#[test]
fn a_line_longer_than_a_file_is_written_alone_and_a_torn_last_line_is_cut() {
    let folder = Folder::new("torn");
    let mut files = EventFiles::open(&folder.0, 10, 3).unwrap();
    files.add(&"x".repeat(5000)).unwrap();
    files.add("one").unwrap();
    drop(files);
    assert_eq!(folder.text("events.1.jsonl").len(), 5001);
    fs::write(folder.0.join("events.jsonl"), format!("one\n{}", "torn".repeat(3000))).unwrap();
    let mut files = EventFiles::open(&folder.0, 100, 3).unwrap();
    files.add("two").unwrap();
    assert_eq!(folder.text("events.jsonl"), "one\ntwo\n");
}

#[test]
fn a_second_service_cannot_use_the_folder_until_the_first_has_ended() {
    let folder = Folder::new("locked");
    let first = EventLog::open(&folder.0).unwrap();
    assert_eq!(EventLog::open(&folder.0).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    first.close();
    assert!(EventLog::open(&folder.0).is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn events_for_a_full_disk_are_counted_and_writing_goes_on_when_there_is_room() {
    let folder = Folder::new("full");
    let mut files = EventFiles::open(&folder.0, 100, 3).unwrap();
    files.add("before").unwrap();
    let good = std::mem::replace(&mut files.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
    let (sender, lines) = sync_channel(4);
    for line in ["lost", "lost too"] {
        sender.send(line.to_owned()).unwrap();
    }
    drop(sender);
    let counts = Counts::default();
    write_all(&mut files, &lines, &counts);
    assert_eq!((counts.written.load(Ordering::Relaxed), counts.lost.load(Ordering::Relaxed)), (0, 2));
    files.file = good;
    files.add("after").unwrap();
    assert_eq!(folder.text("events.jsonl"), "before\nafter\n");
}

#[test]
fn an_event_is_one_line_whatever_a_caller_sends() {
    let folder = Folder::new("line");
    let log = EventLog::open(&folder.0).unwrap();
    let job = JobFacts { tenant: "a\nb\u{202e}\"".to_owned(), ..JobFacts::default() };
    log.add(&Event::Submit { job, chain: String::new(), priority: 7, peer: None });
    log.add(&Event::Drain { phase: "stopped" });
    log.close();
    log.add(&Event::Drain { phase: "too late" });
    assert_eq!(log.counts(), EventCounts { written: 2, lost: 1 });
    let text = folder.text("events.jsonl");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["event"], &lines[1]["event"]), (2, &"submit".into(), &"drain".into()));
    assert_eq!(lines[0]["tenant"], "a\nb\u{202e}\"");
    assert!(lines[0].get("call_id").is_none() && lines[0]["time"].as_str().unwrap().ends_with('Z'));
}
