import Glibc
import LinuxIO
import Wire

/// The date inside session lines, "22/Nov/2026:17:13:29", made once a second.
struct LogStamp {
    private var second = Int64.min
    private(set) var bytes: [UInt8] = []

    /// Brings `bytes` to the second `seconds` after 1970-01-01 UTC.
    mutating func move(to seconds: Int64) {
        guard seconds != second else { return }
        second = seconds
        let time = WallTime(seconds: seconds, microseconds: 0).local
        bytes = Array("\(time.day < 10 ? "0" : "")\(time.day)/\(time.monthName)/\(time.year):\(time.clock)".utf8)
    }
}

extension Worker {
    /// The client's IP address; `nil` for a UNIX socket.
    func clientAddress(_ session: UnsafeMutablePointer<Session>) -> IPAddress? {
        let raw = UnsafeRawBufferPointer(start: UnsafeMutableRawPointer(session) + Session.clientAddressOffset, count: 28)
        switch Int32(raw.loadUnaligned(as: UInt16.self)) {
        case AF_INET: return .v4(UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case AF_INET6:
            let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            return .v6(high: high, low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
        default: return nil
        }
    }

    /// `Connect from 1.2.3.4:5 to 6.7.8.9:10 (mysql/TCP)`: HAProxy's line for proxies without a log format.
    mutating func logConnect(_ session: UnsafeMutablePointer<Session>) {
        let frontend = Int(session.pointee.frontend)
        guard !state.frontendLogs[frontend].targets.isEmpty else { return }
        line.clear()
        line.append("Connect from ")
        appendClient(session)
        line.append(" to ")
        let local = listeners[Int(session.pointee.listener)].address ?? Sockets.localAddress(session.pointee.client.descriptor)
        switch local {
        case .ip(let address, let port)?: line.append(Array("\(address):\(port)".utf8))
        default: line.append("unix:1")
        }
        line.append(" (")
        line.append(Array(state.frontends[frontend].name.utf8))
        line.append("/TCP)")
        send(.info, frontend)
    }

    /// `option tcplog`: `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`.
    mutating func logEnd(_ session: UnsafeMutablePointer<Session>) {
        let frontend = Int(session.pointee.frontend)
        let settings = state.frontendLogs[frontend]
        let cause = session.pointee.termination.cause
        let isQuiet = session.pointee.up.bytes == 0 && (cause == UInt8(ascii: "-") || cause == UInt8(ascii: "C"))
        guard !settings.targets.isEmpty, !(settings.hidesEmptySessions && isQuiet) else { return }
        line.clear()
        appendClient(session)
        line.append(" [")
        stamp.move(to: session.pointee.acceptedWall / 1000)
        line.append(stamp.bytes)
        line.append(".")
        line.append(session.pointee.acceptedWall % 1000, width: 3)
        line.append("] ")
        line.append(Array(state.frontends[frontend].name.utf8))
        line.append(" ")
        appendServer(session)
        line.append(" ")
        appendTimes(session)
        line.append(" ")
        line.append(Int64(session.pointee.down.bytes))
        line.append(" ")
        line.append(byte: cause)
        line.append(byte: session.pointee.termination.phase)
        line.append(" ")
        appendCounts(session)
        send(.info, frontend)
    }

    private mutating func appendServer(_ session: UnsafeMutablePointer<Session>) {
        let hasBackend = state.frontendRules[Int(session.pointee.frontend)].pointee.backend >= 0
        guard hasBackend else {
            line.append(Array(state.frontends[Int(session.pointee.frontend)].name.utf8))
            return line.append("/<NOSRV>")
        }
        let backend = Int(session.pointee.backend)
        line.append(Array(state.backends[backend].name.utf8))
        line.append("/")
        guard session.pointee.serverIndex != Session.noServer else { return line.append("<NOSRV>") }
        line.append(Array(state.backends[backend].servers[Int(session.pointee.serverIndex) - state.firstServers[backend]].name.utf8))
    }

    private mutating func appendTimes(_ session: UnsafeMutablePointer<Session>) {
        let assigned = session.pointee.assignedAt
        let wasQueued = session.pointee.termination == Termination("s", "Q") || session.pointee.termination == Termination("C", "Q")
        line.append(assigned >= 0 ? assigned - session.pointee.acceptedAt : wasQueued ? now - session.pointee.acceptedAt : -1)
        line.append("/")
        line.append(session.pointee.connectedAt >= 0 ? session.pointee.connectedAt - assigned : -1)
        line.append("/")
        line.append(now - session.pointee.acceptedAt)
    }

    private mutating func appendCounts(_ session: UnsafeMutablePointer<Session>) {
        line.append(Int64(state.process[0].pointee.sessions.value))
        line.append("/")
        line.append(Int64(state.frontendCells[Int(session.pointee.frontend)].pointee.sessions.value))
        line.append("/")
        let hasBackend = state.frontendRules[Int(session.pointee.frontend)].pointee.backend >= 0
        line.append(hasBackend ? Int64(state.backendCells[Int(session.pointee.backend)].pointee.sessions.value) : 0)
        line.append("/")
        let server = session.pointee.serverIndex
        line.append(server == Session.noServer ? 0 : Int64(state.serverCells[Int(server)].pointee.sessions.value))
        line.append("/")
        if session.pointee.isRedispatched { line.append("+") }
        line.append(Int64(session.pointee.retries))
        line.append(" 0/")
        line.append(Int64(session.pointee.queuePosition))
    }

    private mutating func appendClient(_ session: UnsafeMutablePointer<Session>) {
        let raw = UnsafeRawBufferPointer(start: UnsafeMutableRawPointer(session) + Session.clientAddressOffset, count: 28)
        let family = raw.loadUnaligned(as: UInt16.self)
        let isV6 = Int32(family) == AF_INET6
        line.append(addressOf: family, UnsafeRawBufferPointer(rebasing: isV6 ? raw[8..<24] : raw[4..<8]))
        line.append(":")
        line.append(isV6 || Int32(family) == AF_INET ? Int64(UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self))) : 1)
    }

    /// Sends the line that has been built to the frontend's targets.
    mutating func send(_ level: LogLevel, _ frontend: Int) {
        let settings = state.frontendLogs[frontend]
        log.add(level, tag: settings.tag, text: line.bytes, to: settings.targets, now: wallNow())
    }
}
