import Glibc
import Gossip
import LinuxIO
import Seals
import Testing
import Wire

@testable import NodeAgent

@Suite("A key file")
struct KeyFileTests {
    private let seal: OpenSSLSeal

    init() throws { seal = try OpenSSLSeal() }

    private func parse(_ text: String) throws -> KeyFileText { try KeyFileText(Array(text.utf8), path: "k", seal: seal) }

    private func problem(_ text: String) -> KeyFileError? {
        do {
            _ = try parse(text)
            return nil
        } catch {
            return error as? KeyFileError
        }
    }

    private static let (first, second, third) = (TestKey.text(1), TestKey.text(2), TestKey.text(3))

    @Test("has one key a line, comments, blanks, either case and Windows line ends")
    func reads() throws {
        let text = try parse("# ring\r\n\n  \(Self.first.uppercased())\t# since May\r\n\(Self.second)")
        #expect(text.keys.map { Hexadecimal.text($0.secret.bytes) } == [Self.first, Self.second])
        #expect(text.keys.map(\.id) == [try TestKey.identifier(1), try TestKey.identifier(2)])
    }

    @Test("identifies each key by the first four bytes of its SHA-256")
    func identifiers() throws {
        // printf 'ff%.0s' {1..32} | xxd -r -p | sha256sum
        let text = try parse(String(repeating: "f", count: 64) + "\n")
        #expect(text.keys.map { Hexadecimal.text($0.id, digits: 8) } == ["af961376"])
    }

    @Test(
        "with a mistake causes an error with line and advice",
        arguments: [
            (String(repeating: "0", count: 64) + "\n", "k:1: this key is public knowledge; run '(umask 077; tsukada keygen > k)'"),
            ("", "k: no key in it; run '(umask 077; tsukada keygen > k)'"),
            ("# nothing\n\n", "k: no key in it; run '(umask 077; tsukada keygen > k)'"),
            (
                "correct horse battery staple\n",
                "k:1: not a key of 64 hexadecimal digits (passphrases can be guessed); run '(umask 077; tsukada keygen > k)'"
            ),
            (
                "\n" + String(first.dropLast(2)) + "\n",
                "k:2: a key has 64 hexadecimal digits, this line has 62; copy the whole line that 'tsukada keygen' printed"
            ),
            (first + "0\n", "k:1: a key has 64 hexadecimal digits, this line has 65; copy the whole line that 'tsukada keygen' printed"),
            (first + "\n# same\n" + first.uppercased() + "\n", "k:3: duplicate of the key in line 1; remove one of them"),
            (
                first + " " + second + "\n",
                "k:1: not a key of 64 hexadecimal digits (passphrases can be guessed); run '(umask 077; tsukada keygen > k)'"
            ),
            ((1...9).map { TestKey.text($0) + "\n" }.joined(), "k:9: more than 8 keys; remove those that no node uses"),
        ])
    func mistakes(text: String, message: String) throws {
        let error = try #require(problem(text))
        #expect(error.description == message)
    }

    @Test("never appears in its errors", arguments: 0..<64 as Range<UInt64>)
    func neverShown(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var bytes = Array("\(Self.first)\n\(Self.second) # b\n\(Self.first)\n".utf8)
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
        }
        do {
            _ = try KeyFileText(bytes, path: "/etc/k", seal: seal)
            Issue.record("seed \(seed): a duplicate key was accepted")
        } catch {
            // Line 2 stays recognisable when one of its bytes changes, so no eight digits of any line may appear.
            let text = error.description
            for key in [Self.first, Self.second] {
                for start in 0...56 { #expect(!text.contains(key.dropFirst(start).prefix(8)), "seed \(seed): \(text)") }
            }
        }
    }

    @Test("of any bytes never traps", arguments: 0..<32 as Range<UInt64>)
    func anyBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 0...KeyFileText.bytesMax, using: &random)
        let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        #expect(throws: KeyFileError.self) { try KeyFileText(bytes, path: "k", seal: seal) }
    }

    @Test("keeps comments and order while keys are added, moved and removed")
    func changes() throws {
        var text = try parse("# ring of the shop\n\(Self.first) # old\n\n# next\n\(Self.second)\n")
        let third = try #require(try parse(Self.third + "\n").keys.first)
        try text.install(third)
        try text.install(third)
        #expect(String(decoding: text.bytes, as: UTF8.self) == "# ring of the shop\n\(Self.first) # old\n\n# next\n\(Self.second)\n\(Self.third)\n")
        try text.use(TestKey.identifier(2))
        #expect(String(decoding: text.bytes, as: UTF8.self) == "# ring of the shop\n\(Self.second)\n\(Self.first) # old\n\n# next\n\(Self.third)\n")
        let before = text
        try text.use(TestKey.identifier(2))
        #expect(text == before)
        try text.remove(TestKey.identifier(1))
        try text.remove(TestKey.identifier(9))
        #expect(String(decoding: text.bytes, as: UTF8.self) == "# ring of the shop\n\(Self.second)\n\n# next\n\(Self.third)\n")
        #expect(throws: KeyRing.Refusal.inUse) { try text.remove(TestKey.identifier(2)) }
        #expect(throws: KeyRing.Refusal.unknown) { try text.use(TestKey.identifier(1)) }
    }

    @Test("takes as many keys as a ring")
    func full() throws {
        var text = try parse((1...8).map { TestKey.text($0) + "\n" }.joined())
        let ninth = try #require(try parse(TestKey.text(9) + "\n").keys.first)
        #expect(throws: KeyRing.Refusal.full(limit: 8)) { try text.install(ninth) }
    }
}

@Suite("A key file on the disk")
struct KeyFileDiskTests {
    private let seal: OpenSSLSeal
    private let folder: TemporaryFolder

    init() throws {
        seal = try OpenSSLSeal()
        folder = try TemporaryFolder()
    }

    private func failure(_ path: String) -> KeyFileError.Problem? {
        do throws(KeyFileError) {
            _ = try KeyFile(path: path).read(seal)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test(
        "must be closed to other users",
        arguments: [(0o600, true), (0o400, true), (0o700, true), (0o640, false), (0o604, false), (0o620, false), (0o601, false), (0o644, false)]
            as [(UInt32, Bool)])
    func permissions(mode: UInt32, isFine: Bool) throws {
        let path = try folder.write("k", TestKey.text(1) + "\n", mode: mode)
        #expect(failure(path) == (isFine ? nil : .openToOthers(permissions: mode)))
        if !isFine {
            let text = KeyFileError(path: "/k", problem: .openToOthers(permissions: mode)).description
            #expect(text == "/k: users other than its owner have access (mode \(String(mode, radix: 8))); run 'chmod 600 /k'")
        }
    }

    @Test("must belong to root or the present user", arguments: [(0, 5, true), (5, 5, true), (6, 5, false), (5, 0, false)] as [(UInt32, UInt32, Bool)])
    func owner(owner: UInt32, user: UInt32, isFine: Bool) throws {
        let path = try folder.write("k", "")
        guard geteuid() == 0 else { return }
        try #require(chown(path, owner, 0) == 0)
        let file = try Folder(folder.path).open("k")
        #expect(KeyFile.problem(with: try FileStatus(of: file), user: user) == (isFine ? nil : .foreignOwner(owner)))
    }

    @Test("is never a folder, a pipe, a device or an endless file, and reading it does not block", .timeLimit(.minutes(1)))
    func hostile() throws {
        #expect(failure(folder.path) == .notRegular)
        let pipe = "\(folder.path)/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(failure(pipe) == .notRegular)
        #expect(failure("/dev/zero") == .notRegular)
        let socket = "\(folder.path)/socket"
        let listener = try Sockets.open(.stream, for: .unix(socket))
        try Sockets.bind(listener.raw, to: .unix(socket))
        #expect(failure(socket) == .system(SystemError("open", code: ENXIO)))
        let sparse = try folder.write("sparse", "")
        try #require(truncate(sparse, 1 << 30) == 0)
        #expect(failure(sparse) == .tooLong)
        let missing = "\(folder.path)/missing"
        #expect(failure(missing) == .system(SystemError("open", code: ENOENT)))
        let text = KeyFileError(path: "/k", problem: .system(SystemError("open", code: ENOENT))).description
        let advice = "copy it from another node, or, for a new cluster, run '(umask 077; tsukada keygen > /k)' once and copy the file to all nodes"
        #expect(text == "/k: no such file; \(advice)")
    }

    @Test("is replaced as a whole, with its owner and no permissions for others; a staged file that is not published has no effect")
    func replaces() throws {
        let path = try folder.write("k", TestKey.text(1) + "\n", mode: 0o400)
        try folder.write("k.new", "left by a crash", mode: 0o644)
        if geteuid() == 0 { try #require(chown(path, 0, 7) == 0) }
        var text = try KeyFile(path: path).read(seal)
        try text.install(try #require(KeyFileText(Array(TestKey.text(2).utf8), path: "k", seal: seal).keys.first))
        do {
            _ = try KeyFile(path: path).stage(text)
        }
        #expect(try folder.names == ["k"] && folder.text("k") == TestKey.text(1) + "\n")
        let staged = try KeyFile(path: path).stage(text)
        try staged.publish()
        #expect(try folder.text("k") == TestKey.text(1) + "\n" + TestKey.text(2) + "\n")
        let status = try FileStatus(of: Folder(folder.path).open("k"))
        #expect(status.permissions == 0o600)
        if geteuid() == 0 { #expect(status.owner == FileOwner(user: 0, group: 7)) }
        #expect(folder.names == ["k"])
    }

    @Test("may be a symbolic link, which is kept")
    func link() throws {
        let other = try TemporaryFolder()
        try other.write("real", TestKey.text(1) + "\n")
        let path = "\(folder.path)/k"
        try #require(symlink("\(other.path)/real", path) == 0)
        var text = try KeyFile(path: path).read(seal)
        try text.install(try #require(KeyFileText(Array(TestKey.text(2).utf8), path: "k", seal: seal).keys.first))
        let staged = try KeyFile(path: path).stage(text)
        try staged.publish()
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
        #expect(try other.text("real") == TestKey.text(1) + "\n" + TestKey.text(2) + "\n")
    }
}
