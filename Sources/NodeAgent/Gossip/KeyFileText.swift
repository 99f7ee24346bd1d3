import Gossip
import LinuxIO
import Wire

/// Why a key file cannot be used: the place, the problem and the remedy. Never contains a line's content.
struct KeyFileError: Error, Equatable, CustomStringConvertible {
    /// What went wrong.
    enum Problem: Equatable {
        /// A system call failed.
        case system(SystemError)
        /// The path is a folder, a pipe or a device.
        case notRegular
        /// The file belongs to this user, who is neither root nor the user of the process.
        case foreignOwner(UInt32)
        /// Group or others may read or write it.
        case openToOthers(permissions: UInt32)
        /// The file is larger than any key ring.
        case tooLong
        /// The file contains no key.
        case noKey
        /// The line has this number of hexadecimal digits instead of a key's 64.
        case digits(Int)
        /// The line is not hexadecimal, for example a passphrase.
        case notKey
        /// The key is all zeros, which every node without a key file uses.
        case known
        /// The key is the same as in this earlier line.
        case duplicate(line: Int)
        /// There are more keys than a ring holds.
        case tooMany
        /// OpenSSL failed.
        case sealFailed(SealError)
    }

    /// The path as the configuration gives it.
    let path: String
    /// The line, from 1; `nil` if the problem concerns the whole file.
    var line: Int?
    /// What went wrong.
    let problem: Problem

    /// "/etc/tsukada/gossip.key:3: duplicate of the key in line 1; remove one of them".
    var description: String { "\(path)\(line.map { ":\($0)" } ?? ""): \(reason)" }

    private var reason: String {
        let make = "run '(umask 077; tsukada keygen > \(path))'"
        return switch problem {
        case .system(let error) where error.isMissing:
            "no such file; copy it from another node, or, for a new cluster, \(make) once and copy the file to all nodes"
        case .system(let error): "\(error)"
        case .notRegular: "not a regular file; write the path of the key file"
        case .foreignOwner(let user): "the file belongs to user \(user), who could change the keys; run 'chown root \(path)'"
        case .openToOthers(let permissions): "users other than its owner have access (mode \(String(permissions, radix: 8))); run 'chmod 600 \(path)'"
        case .tooLong: "not a key file: it has more than \(KeyFileText.bytesMax) bytes; \(make)"
        case .noKey: "no key in it; \(make)"
        case .digits(let count): "a key has 64 hexadecimal digits, this line has \(count); copy the whole line that 'tsukada keygen' printed"
        case .notKey: "not a key of 64 hexadecimal digits (passphrases can be guessed); \(make)"
        case .known: "this key is public knowledge; \(make)"
        case .duplicate(let line): "duplicate of the key in line \(line); remove one of them"
        case .tooMany: "more than \(GossipLimits.keysMax) keys; remove those that no node uses"
        case .sealFailed(let error): "OpenSSL failed: \(error)"
        }
    }
}

extension Bytes32 {
    /// The ring key for clusters with loopback addresses only and without a `key-file`: publicly known.
    static let loopbackKey = Bytes32(0, 0, 0, 0)
}

/// The content of a key file: one key a line, 64 hexadecimal digits; `#` starts a comment. The first key is used to send, all are accepted.
///
/// Changes keep the comments and the order of all other lines.
struct KeyFileText: Equatable, Sendable {
    static let bytesMax = 65_536
    private static let digits = 64

    private struct Line: Equatable {
        var bytes: [UInt8]
        var key: KeyRing.Key?
    }

    private var lines: [Line] = []

    /// Parses a file's bytes, which must contain 1 to `GossipLimits.keysMax` keys.
    ///
    /// - Parameter path: the path for errors.
    init(_ bytes: [UInt8], path: String, seal: any Seal) throws(KeyFileError) {
        guard bytes.count <= Self.bytesMax else { throw KeyFileError(path: path, problem: .tooLong) }
        var texts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if texts.last?.isEmpty == true { texts.removeLast() }
        var numbers: [Int] = []
        for (index, text) in texts.enumerated() {
            let place = KeyFileText.Place(path: path, line: index + 1)
            let key = try Self.key(text, at: place, seal)
            if let key {
                if let first = keys.firstIndex(of: key) { throw place.error(.duplicate(line: numbers[first])) }
                guard numbers.count < GossipLimits.keysMax else { throw place.error(.tooMany) }
                numbers.append(index + 1)
            }
            lines.append(Line(bytes: Array(text), key: key))
        }
        guard !numbers.isEmpty else { throw KeyFileError(path: path, problem: .noKey) }
    }

    private struct Place {
        let path: String
        let line: Int

        func error(_ problem: KeyFileError.Problem) -> KeyFileError { KeyFileError(path: path, line: line, problem: problem) }
    }

    /// The key of a line; `nil` for an empty line or a comment.
    private static func key(_ line: ArraySlice<UInt8>, at place: Place, _ seal: any Seal) throws(KeyFileError) -> KeyRing.Key? {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
        var word = line.prefix { $0 != UInt8(ascii: "#") }.drop(while: isBlank)
        while let last = word.last, isBlank(last) { word.removeLast() }
        guard !word.isEmpty else { return nil }
        let nibbles = word.compactMap(Hexadecimal.value)
        guard nibbles.count == word.count else { throw place.error(.notKey) }
        guard nibbles.count == digits else { throw place.error(.digits(nibbles.count)) }
        guard let secret = Hexadecimal.bytes(word).flatMap({ Bytes32($0) }) else { throw place.error(.notKey) }
        guard secret != .loopbackKey else { throw place.error(.known) }
        do throws(SealError) {
            return try KeyRing.key(secret, seal)
        } catch {
            throw place.error(.sealFailed(error))
        }
    }

    /// The keys; the first one is used to send.
    var keys: [KeyRing.Key] { lines.compactMap(\.key) }

    /// The file's bytes.
    var bytes: [UInt8] { lines.flatMap { $0.bytes + [UInt8(ascii: "\n")] } }

    /// Adds a key at the end; a key that exists keeps its place.
    ///
    /// - Throws: if the ring is full.
    mutating func install(_ key: KeyRing.Key) throws(KeyRing.Refusal) {
        guard !keys.contains(key) else { return }
        guard keys.count < GossipLimits.keysMax else { throw .full(limit: GossipLimits.keysMax) }
        lines.append(Line(bytes: Array(Hexadecimal.text(key.secret.bytes).utf8), key: key))
    }

    /// Makes a key the first one.
    ///
    /// - Throws: if no key has this identifier.
    mutating func use(_ id: UInt32) throws(KeyRing.Refusal) {
        guard let index = lines.firstIndex(where: { $0.key?.id == id }) else { throw .unknown }
        let line = lines.remove(at: index)
        lines.insert(line, at: lines.firstIndex { $0.key != nil } ?? lines.endIndex)
    }

    /// Removes a key; a key that does not exist is no error.
    ///
    /// - Throws: if it is the first key.
    mutating func remove(_ id: UInt32) throws(KeyRing.Refusal) {
        guard keys.first?.id != id else { throw .inUse }
        lines.removeAll { $0.key?.id == id }
    }
}
