import Glibc
import Gossip
import LinuxIO
import Support
import Testing
import Wire

@testable import NodeAgent

/// A memory with `count` rows of servers 1, 2, ..., with rising stamps.
private func memory(_ count: Int) -> GossipMemory {
    var memory = GossipMemory(session: 1_790_000_000_123)
    for number in 0..<count {
        let stamp = HybridTime(bits: (1_790_000_000_000 + UInt64(number)) << 16)
        var row = AdministrativeRow(server: ServerID(UInt64(number) + 1), stamp: stamp, origin: NodeID(.max - 3), state: .maint)
        row.state = AdministrativeState.allCases[number % 3]
        if number % 2 == 0 { row.weight = 256 }
        if number % 5 == 0 { row.expiry = 1_800_000_000_000 }
        memory.administrative.append(row)
    }
    return memory
}

@Suite("A gossip state file")
struct GossipContentTests {
    private let node = "tsukada01"

    @Test("returns the memory that was written to it", arguments: [0, 1, 2, 17, GossipLimits.serversMax])
    func roundTrip(count: Int) {
        let bytes = memory(count).bytes(node: node)
        #expect(bytes.count <= StateText.bytesMax)
        #expect(GossipMemory(bytes, node: node) == memory(count))
    }

    @Test("is rejected when it belongs to another node or is empty")
    func foreign() {
        let bytes = memory(3).bytes(node: node)
        #expect(GossipMemory(bytes, node: "tsukada02") == nil)
        #expect(GossipMemory([], node: node) == nil)
    }

    @Test("is rejected when it is cut at any length")
    func truncated() {
        let bytes = memory(4).bytes(node: node)
        for length in bytes.indices { #expect(GossipMemory(Array(bytes[..<length]), node: node) == nil, "\(length) bytes") }
    }

    @Test("is rejected when one bit has changed")
    func flipped() {
        let bytes = memory(2).bytes(node: node)
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                #expect(GossipMemory(damaged, node: node) == nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    @Test("is read with a session and a stamp from the end of the range: the core drops only these, not the whole file")
    func farAhead() throws {
        var poisoned = memory(3)
        poisoned.session = .max
        poisoned.administrative[1].stamp = HybridTime(bits: .max)
        var read = try #require(GossipMemory(poisoned.bytes(node: node), node: node))
        #expect(read == poisoned)
        let forgotten = read.forgetFarAhead(wall: 1_790_000_000_000)
        #expect(forgotten.isSession && forgotten.commands == 1)
        #expect(read == GossipMemory(session: 0, administrative: [poisoned.administrative[0], poisoned.administrative[2]]))
    }

    @Test("never traps on noise", arguments: 0..<32 as Range<UInt64>)
    func noise(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let bytes = (0..<Int.random(in: 0...4_096, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        #expect(GossipMemory(bytes, node: node) == nil)
    }

    @Test(
        "is checked even when its hash is right: it may come from another program",
        arguments: [
            "session 18446744073709551616", "session -1", "session +1", "session", "session 1 2", "server 1",
            "session 1\nserver 0000000000000001 stamp 0000000000000001 origin 0000000000000001 state maintenance weight - expiry -",
            "session 1\nserver 0000000000000001 stamp 0000000000000001 origin 0000000000000001 state maint weight 257 expiry -",
            "session 1\nserver 0000000000000001 stamp 0000000000000001 origin 0000000000000001 state maint weight  expiry -",
            "session 1\nserver 000000000000001 stamp 0000000000000001 origin 0000000000000001 state maint weight - expiry -",
            "session 1\n"
                + String(repeating: "server 0000000000000001 stamp 0000000000000001 origin 0000000000000001 state maint weight - expiry -\n", count: 2)
                .dropLast(),
        ])
    func strict(lines: String) {
        #expect(GossipMemory(Self.sealed("tsukada-gossip 1\nnode tsukada01\nsession 1\n"), node: node) == GossipMemory(session: 1))
        #expect(GossipMemory(Self.sealed("tsukada-gossip 1\nnode tsukada01\n\(lines)\n"), node: node) == nil)
        #expect(GossipMemory(Self.sealed("tsukada-gossip 2\nnode tsukada01\nsession 1\n"), node: node) == nil)
    }

    /// A second implementation of FNV-1a: the format must stay readable for existing files.
    private static func sealed(_ text: String) -> [UInt8] {
        var sum: UInt64 = 14_695_981_039_346_656_037
        for byte in text.utf8 { sum = (sum ^ UInt64(byte)) &* 1_099_511_628_211 }
        return Array("\(text)end \(Hexadecimal.text(sum, digits: 16))\n".utf8)
    }

    @Test("keeps the latest command for each server, and the latest ones when there are too many")
    func records() {
        var kept = GossipMemory(session: 5)
        kept.record(.session(4))
        kept.record(.session(6))
        #expect(kept.session == 6)
        let rows = memory(GossipLimits.serversMax + 2).administrative
        for row in rows.reversed() { kept.record(.administrative(row)) }
        #expect(kept.administrative == Array(rows.dropFirst(2)))
        var newer = rows[9]
        newer.stamp = HybridTime(bits: newer.stamp.bits + 1)
        newer.state = .drain
        kept.record(.administrative(newer))
        kept.record(.administrative(rows[9]))
        #expect(kept.administrative[7] == newer && kept.administrative.count == GossipLimits.serversMax)
    }
}

@Suite("The gossip store")
struct GossipStoreTests {
    private let folder: TemporaryFolder
    private static let present = FileOwner(user: geteuid(), group: getegid())
    private static let isRoot = geteuid() == 0

    init() throws {
        folder = try TemporaryFolder()
        try #require(chmod(folder.path, 0o700) == 0)
    }

    private func store(_ path: String? = nil) throws -> StateStore<GossipMemory> {
        try StateStore(path: path ?? folder.path, node: "n1", owner: Self.present)
    }

    /// Saves `memory` and returns what is logged.
    private func save(_ memory: GossipMemory, in store: StateStore<GossipMemory>) -> [String] {
        var lines: [String] = []
        let isSaved = store.save(memory) { lines.append("\($0) \($1)") }
        #expect(isSaved == (store.load().content == memory))
        return lines
    }

    @Test("is empty at first, then holds the last memory that was saved")
    func saves() throws {
        let first = try store().load()
        #expect(first.content == nil && first.warning == nil)
        for count in [3, 5, 1] { #expect(try save(memory(count), in: store()) == []) }
        let last = try store().load()
        #expect(last.content == memory(1) && last.warning == nil)
        #expect(folder.names == ["gossip-n1.state"])
        #expect(try FileStatus(of: Folder(folder.path).open("gossip-n1.state")).permissions == 0o600)
    }

    @Test("finds its folder under another name, as chroot requires")
    func movedFolder() throws {
        let store = try store()
        let other = folder.path + "-moved"
        try #require(rename(folder.path, other) == 0)
        defer { rename(other, folder.path) }
        #expect(save(memory(2), in: store) == [])
        #expect(store.load().content == memory(2))
    }

    @Test("renames a file that it cannot read, of any kind", arguments: 0..<6)
    func damaged(kind: Int) throws {
        let (store, name) = (try store(), "gossip-n1.state")
        let bytes = memory(4).bytes(node: "n1")
        switch kind {
        case 0: try folder.write(name, Array(bytes.dropLast(9)))
        case 1: try folder.write(name, [])
        case 2: try folder.write(name, memory(4).bytes(node: "n2"))
        case 3: try #require(mkfifo("\(folder.path)/\(name)", 0o600) == 0)
        case 4:
            let path = try folder.write(name, bytes)
            try #require(truncate(path, 1 << 30) == 0)
        default: try folder.write(name, [UInt8](repeating: 0xff, count: StateText.bytesMax + 1))
        }
        let (found, warning) = store.load()
        #expect(found == nil)
        #expect(
            warning
                == "\(folder.path)/\(name) is damaged or belongs to another node; renamed to \(name).bad; operators' cluster commands are known only from the peers"
        )
        #expect(folder.names == [name + ".bad"])
        #expect(save(memory(1), in: store) == [])
        #expect(store.load().content == memory(1))
    }

    @Test("survives a crash while it writes: the unfinished file is not read")
    func leftovers() throws {
        #expect(try save(memory(3), in: store()) == [])
        try folder.write("gossip-n1.state.new", "half a fi", mode: 0o444)
        #expect(try store().load().content == memory(3))
        #expect(try save(memory(4), in: store()) == [])
        #expect(try store().load().content == memory(4))
        #expect(folder.names == ["gossip-n1.state"])
    }

    /// A file system in a child's mount namespace, which ends with the child even if the tests crash.
    private func mount(_ options: String) throws -> (child: ChildProcess, path: String) {
        let script = "mount -t tmpfs -o \(options) tsk-test \(folder.path) && echo mounted && read line"
        let child = try ChildProcess(["unshare", "--mount", "sh", "-c", script], input: .heldPipe)
        try eventually(within: 10, "a mount; \(child.output)") { child.output.contains("mounted") || child.exitStatus != nil }
        try #require(child.exitStatus == nil, "\(child.output)")
        return (child, "/proc/\(child.pid)/root\(folder.path)")
    }

    @Test("reports once that the disk is full and once that it can write again, and keeps the last saved memory", .enabled(if: isRoot))
    func fullDisk() throws {
        let (child, path) = try mount("size=16k,mode=700")
        defer { child.closeInput() }
        let store = try store(path)
        #expect(save(memory(20), in: store) == [])
        let loss = "after a restart operators' cluster commands are known only from the peers"
        #expect(save(memory(1_000), in: store) == ["error cannot write to state-dir: \(SystemError("write", code: ENOSPC)); \(loss)"])
        #expect(save(memory(1_000), in: store) == [])
        #expect(store.load().content == memory(20))
        #expect(save(memory(21), in: store) == ["notice state-dir can be written again"])
        #expect(save(memory(21), in: store) == [])
        #expect(store.load().content == memory(21))
    }

    @Test("reports a read-only disk", .enabled(if: isRoot))
    func readOnlyDisk() throws {
        let (child, path) = try mount("ro,mode=700")
        defer { child.closeInput() }
        let lines = try save(memory(1), in: store(path))
        #expect(lines.count == 1 && lines.first?.contains("\(SystemError("unlinkat", code: EROFS))") == true, "\(lines)")
    }

    @Test("requires a folder that the node, but not every user, may write to")
    func permissions() throws {
        let missing = folder.path + "/missing"
        #expect(throws: StartError("'state-dir \(missing)': no such directory; run 'install -d -m 700 -o \(geteuid()) -g \(getegid()) \(missing)'")) {
            _ = try store(missing)
        }
        let file = try folder.write("file", "")
        #expect(throws: StartError("'state-dir \(file)': open: Not a directory")) { _ = try store(file) }
        try #require(chmod(folder.path, 0o777) == 0)
        #expect(
            throws: StartError(
                "'state-dir \(folder.path)': all users can write to it and so decide which servers are used; run 'chmod o-w \(folder.path)'")
        ) { _ = try store() }
    }

    @Test(
        "evaluates a folder's owner and permissions",
        arguments: [
            (0, 0, 0o700, 0, 0, true), (5, 5, 0o700, 0, 0, false), (5, 0, 0o770, 0, 0, true),
            (5, 5, 0o700, 5, 9, true), (5, 5, 0o500, 5, 5, false), (0, 0, 0o700, 5, 5, false),
            (0, 5, 0o770, 6, 5, true), (0, 5, 0o750, 6, 5, false), (0, 5, 0o770, 6, 6, false),
        ] as [(UInt32, UInt32, UInt32, UInt32, UInt32, Bool)])
    func writers(user: UInt32, group: UInt32, mode: UInt32, asUser: UInt32, asGroup: UInt32, isFine: Bool) throws {
        guard Self.isRoot else { return }
        try #require(chown(folder.path, user, group) == 0 && chmod(folder.path, mode) == 0)
        let problem = StateFolder.problem(with: try Folder(folder.path).status(), owner: FileOwner(user: asUser, group: asGroup))
        #expect((problem == nil) == isFine, "\(problem ?? "")")
    }
}
