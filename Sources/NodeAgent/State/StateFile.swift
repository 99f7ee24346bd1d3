import Glibc
import LinuxIO

/// A file in a `state-dir`: what outlives the process.
///
/// Its folder is opened before chroot, and the file can be loaded from then on. Only one thread may save it, as long as the process lives: as a whole or
/// not at all.
final class StateFile: Sendable {
    private let folder: Folder
    private let path: String
    private let name: String

    /// Opens the folder at `path` for its file `name`.
    ///
    /// - Parameter owner: who saves later on, once privileges are gone.
    /// - Throws: when there is no such folder, or `owner` cannot write to it, or everybody can.
    init(_ name: String, in path: String, owner: FileOwner) throws(StartError) {
        self.path = path
        self.name = name
        do throws(SystemError) {
            folder = try Folder(path)
        } catch  where error.isMissing {
            throw StartError("'state-dir \(path)': there is no such folder; run 'install -d -m 700 -o \(owner.user) -g \(owner.group) \(path)'")
        } catch {
            throw StartError("'state-dir \(path)': \(error)")
        }
        let status = try StartError.wrapping("'state-dir \(path)': ") { () throws(SystemError) in try folder.status() }
        if let problem = Self.problem(with: status, owner: owner) { throw StartError("'state-dir \(path)': \(problem) \(path)'") }
    }

    /// What is wrong with a folder for one who wants to write to it, without the path at its end.
    static func problem(with status: FileStatus, owner: FileOwner) -> String? {
        if status.permissions & 0o002 != 0 { return "everybody may write to it, and so decide which servers are used; run 'chmod o-w" }
        // Root too: it has given up the right to write to everybody's files.
        let isWritable =
            if status.owner.user == owner.user { status.permissions & 0o300 == 0o300 } else {
                status.owner.group == owner.group && status.permissions & 0o030 == 0o030
            }
        return isWritable ? nil : "user \(owner.user), whom the node runs as, cannot write to it; run 'chown \(owner.user)"
    }

    /// What was saved last, as `parse` reads it. A file that it cannot read is put aside under a name that ends in ".bad".
    ///
    /// - Parameters:
    ///   - loss: what it means to have nothing, for the warning.
    ///   - parse: reads a whole file; `nil` for one that is damaged or of another node.
    /// - Returns: with a sentence for the operator when something was there and could not be used.
    func load<Value>(bytesMax: Int, loss: String, _ parse: ([UInt8]) -> Value?) -> (value: Value?, warning: String?) {
        do throws(FileError) {
            if let value = parse(try folder.read(name, bytesMax: bytesMax)) { return (value, nil) }
        } catch {
            switch error {
            case .system(let error) where error.isMissing: return (nil, nil)
            case .system(let error): return (nil, "\(path)/\(name): \(error); \(loss)")
            case .notRegular, .tooLong: break
            }
        }
        do throws(SystemError) {
            try folder.rename(name, to: name + ".bad")
            return (nil, "\(path)/\(name) is damaged or of another node, and now called \(name).bad; \(loss)")
        } catch {
            return (nil, "\(path)/\(name) is damaged or of another node (and cannot be put aside: \(error)); \(loss)")
        }
    }

    /// Writes everything to the disk, for its owner alone. When it throws, what was saved before is still there, whole.
    func save(_ bytes: [UInt8]) throws(SystemError) {
        try folder.stage(name, bytes, permissions: 0o600)
        do throws(SystemError) {
            try folder.publish(name)
        } catch {
            folder.discard(name)
            throw error
        }
    }
}

/// The last line of a state file: `end 5f3a...`, a checksum of all bytes above.
enum StateSeal {
    /// The bytes of a file that says `text`, whose lines all end.
    static func bytes(of text: String) -> [UInt8] {
        Array("\(text)end \(Hexadecimal.text(checksum(Array(text.utf8)[...]), digits: 16))\n".utf8)
    }

    /// The lines above the last one; `nil` when that is not theirs: be it one byte less.
    static func lines(of bytes: [UInt8]) -> [Substring]? {
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let start = bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.startIndex
        guard bytes[start...].elementsEqual("end \(Hexadecimal.text(checksum(bytes[..<start]), digits: 16))\n".utf8) else { return nil }
        return String(decoding: bytes[..<start], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    }

    /// FNV-1a of 64 bits: against torn and mixed up files, not against people.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
