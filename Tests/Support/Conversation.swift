// One side of a TCP conversation, step by step. Scripted servers and their clients both use it.

import CLinux
import Glibc
import LinuxIO
import Wire

/// A step of one side of a conversation.
package enum ConversationStep: Codable, Sendable, Equatable {
    /// Sends bytes.
    case send([UInt8])
    /// Sends the IP address that the connection comes from, and a line feed.
    case sendPeer
    /// Receives until the bytes that arrived since the previous receiving step contain these bytes; any byte is enough for an empty list.
    case receive([UInt8])
    /// Receives until the other side ends the connection.
    case receiveEnd
    /// Waits.
    case pause(milliseconds: Int)
    /// Ends this side's direction and leaves the other one open.
    case finish
    /// Ends the connection. Without this step a server waits until its client ends.
    case close
    /// Ends the connection with a RST.
    case reset
    /// Starts again with the first step.
    case again
}

/// What one side has received, and how the conversation went.
package struct Transcript: Codable, Sendable, Equatable {
    /// The bytes received.
    package var received: [UInt8] = []
    /// How the steps ended.
    package var ending = Ending.done

    /// How the steps of a side ended.
    package enum Ending: String, Codable, Sendable {
        /// All steps are done.
        case done
        /// The other side ended the connection during a receiving step, or, in `receiveEnd`, as awaited.
        case closed
        /// The other side sent a RST.
        case reset
        /// Nothing arrived in time.
        case silent
        /// The connect was refused or failed.
        case refused
    }

    /// Text for comparisons: what was received, with control characters and bytes above 127 as `<1b>`, and the ending unless it is `done`.
    package var text: String {
        let shown = received.map { 32...126 ~= $0 ? String(UnicodeScalar($0)) : $0 == 10 ? "\\n" : $0 == 13 ? "\\r" : "<\(Hexadecimal.text([$0]))>" }.joined()
        return ending == .done ? shown : "\(shown)(\(ending.rawValue))"
    }
}

/// A connected socket and what arrived on it.
package struct Conversation {
    private static let bytesMax = 65_536

    /// The connected socket. Its owner closes it.
    package let descriptor: Int32
    /// What arrived so far.
    package private(set) var transcript = Transcript()
    /// The number of received bytes that earlier steps have used.
    private var used = 0

    /// - Parameters:
    ///   - descriptor: a blocking, connected socket.
    ///   - patience: the longest wait for bytes in milliseconds; 0 for no limit.
    package init(_ descriptor: Int32, patience: Int) {
        self.descriptor = descriptor
        limitWaits(SO_RCVTIMEO, to: patience, on: descriptor)
        Sockets.disableNagle(descriptor)
    }

    /// Takes the steps in order, until one cannot be taken.
    /// - Returns: true if the connection stays open until the other side ends it.
    package mutating func take(_ steps: [ConversationStep]) -> Bool {
        transcript = Transcript()
        used = 0
        var index = 0
        while index < steps.count {
            guard take(steps[index]) else { return false }
            index = steps[index] == .again ? 0 : index + 1
        }
        return true
    }

    /// - Returns: false if the conversation is over.
    private mutating func take(_ step: ConversationStep) -> Bool {
        switch step {
        case .send(let bytes): return send(bytes)
        case .sendPeer: return send(Array((peerAddress() + "\n").utf8))
        case .receive(let wanted):
            while !contains(wanted) { guard receiveMore() else { return false } }
            used = transcript.received.count
        case .receiveEnd:
            while receiveMore() {}
            return false
        case .pause(let milliseconds): usleep(UInt32(milliseconds * 1000))
        case .finish: shutdown(descriptor, Int32(SHUT_WR))
        case .close: return false
        case .reset:
            Sockets.resetAtClose(descriptor)
            return false
        case .again: break
        }
        return true
    }

    private func contains(_ wanted: [UInt8]) -> Bool {
        let fresh = transcript.received[used...]
        guard let first = wanted.first else { return !fresh.isEmpty }
        return fresh.indices.contains { fresh[$0] == first && fresh[$0...].starts(with: wanted) }
    }

    private mutating func send(_ bytes: [UInt8]) -> Bool {
        if sendAll(bytes, to: descriptor) { return true }
        transcript.ending = .reset
        return false
    }

    private mutating func receiveMore() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count > 0, transcript.received.count < Self.bytesMax else {
            transcript.ending = count == 0 ? .closed : errno == EAGAIN ? .silent : .reset
            return false
        }
        transcript.received += bytes.prefix(count)
        return true
    }

    /// Returns the address of the other side without its port.
    private func peerAddress() -> String {
        var peer = RawSocketAddress()
        guard peer.withMutablePointer({ getpeername(descriptor, $0, $1) }) == 0, let address = peer.address?.address else { return "unix" }
        return "\(address)"
    }
}

/// An address of the tests' scripts as text: `127.0.0.1:80`, `[::1]:80`, `/run/socket`, or `@name` for an abstract name.
package struct ScriptAddress: Codable, Sendable, Hashable {
    /// The text.
    package let text: String

    /// Creates an address from its text.
    package init(_ text: String) { self.text = text }

    /// The address, if the text is valid. An abstract name has HAProxy's form.
    package var socketAddress: SocketAddress? {
        if text.hasPrefix("/") { return .unix(text) }
        if text.hasPrefix("@") { return .unix(RawSocketAddress.abstractPath(String(text.dropFirst()))) }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        let host = text[..<colon].drop { $0 == "[" }.prefix { $0 != "]" }
        return IPAddress(host).map { .ip($0, port: port) }
    }
}
