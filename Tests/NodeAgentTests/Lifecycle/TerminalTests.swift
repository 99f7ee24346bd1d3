import Glibc
import Testing

@testable import NodeAgent

@Suite("A message on stderr")
struct TerminalTests {
    @Test("has a priority at the front of each line for the journal, by its level or its label")
    func priorities() {
        let text = "[ALERT]    (7) : a\n[WARNING]  (7) : b\n[NOTICE]   (7) : c\nusage: d\n"
        #expect(Terminal.withPriorities(text, nil) == "<1>[ALERT]    (7) : a\n<4>[WARNING]  (7) : b\n<5>[NOTICE]   (7) : c\nusage: d\n")
        #expect(Terminal.withPriorities("[ALERT]    (7) : a\nb\n", .error) == "<3>[ALERT]    (7) : a\n<3>b\n")
    }

    @Test("has the priority only on the stream that the journal has opened")
    func stream() {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        var status = stat()
        #expect(fstat(ends[1], &status) == 0)
        #expect(Terminal.isJournal(ends[1], "\(status.st_dev):\(status.st_ino)"))
        for other in ["\(status.st_dev):\(status.st_ino + 1)", "\(status.st_dev + 1):\(status.st_ino)", "", "1", ":"] {
            #expect(!Terminal.isJournal(ends[1], other))
        }
    }
}
