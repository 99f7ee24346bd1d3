// The hot path of logged sessions: one line each, built in memory that the thread owns.

import Glibc
import LinuxIO
import Wire

/// The date in session lines, "22/Nov/2026:17:13:29", formatted once a second.
struct LogStamp: ~Copyable {
    private var second = Int64.min
    private var line = LineBuilder(capacity: 32)
    var bytes: UnsafeRawBufferPointer { line.bytes }

    /// Updates `bytes` to the second `seconds` after 1970-01-01 UTC.
    mutating func move(to seconds: Int64) {
        guard seconds != second else { return }
        second = seconds
        let time = WallTime(seconds: seconds, microseconds: 0).local
        line.clear()
        line.append(Int64(time.day), width: 2)
        line.append("/")
        line.append(monthOf: time)
        line.append("/")
        line.append(Int64(time.year))
        line.append(":")
        line.append(clockOf: time)
    }
}

extension ForwardingThread {
    /// `Connect from 1.2.3.4:5 to 6.7.8.9:10 (mysql/TCP)`: HAProxy's line for proxies without a log format.
    mutating func logConnect(_ session: UnsafeMutablePointer<Session>) {
        let frontend = Int(session.pointee.frontend)
        guard state.frontendLogs[frontend].pointee.targetCount > 0 else { return }
        line.clear()
        line.append("Connect from ")
        append(session.pointee.clientAddress)
        line.append(" to ")
        append(clientTarget(session))
        line.append(" (")
        line.append(state.frontendNames[frontend].pointee.bytes)
        line.append("/TCP)")
        send(.info, frontend)
    }

    /// Logs a session that has ended.
    mutating func logSession(_ session: UnsafeMutablePointer<Session>) {
        switch state.frontendLogs[Int(session.pointee.frontend)].pointee.sessions {
        case .tcp: logEnd(session)
        // Without a PROXY header the line was written at accept.
        case .connect: if session.pointee.header != .none { logConnect(session) }
        }
    }

    /// `option logasap`: writes the session's line when the session is bound to its server. As in HAProxy, it shows the moment of the connect, and the line of a
    /// session that `option dontlog-normal` hides is written at its end if it ends with an error.
    mutating func logEarly(_ session: UnsafeMutablePointer<Session>) {
        let settings = state.frontendLogs[Int(session.pointee.frontend)]
        guard settings.pointee.sessions == .tcp, settings.pointee.targetCount > 0, session.pointee.header == .none else { return }
        guard hasError(session) || !settings.pointee.options.contains(.hidesNormal) else { return }
        session.pointee.isLogged = true
        logTCP(session, time: session.pointee.connectedAt, bytes: 0)
    }

    /// Logs a session's end with `option tcplog`.
    private mutating func logEnd(_ session: UnsafeMutablePointer<Session>) {
        let settings = state.frontendLogs[Int(session.pointee.frontend)]
        let cause = session.pointee.termination.cause
        let isQuiet = session.pointee.up.bytes == 0 && (cause == UInt8(ascii: "-") || cause == UInt8(ascii: "C"))
        guard settings.pointee.targetCount > 0, !(settings.pointee.hidesEmptySessions && isQuiet) else { return }
        guard hasError(session) || !settings.pointee.options.contains(.hidesNormal) else { return }
        logTCP(session, time: now, bytes: session.pointee.down.bytes)
    }

    /// `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`, with the total time up to `time`.
    private mutating func logTCP(_ session: UnsafeMutablePointer<Session>, time: Int64, bytes: UInt64) {
        let frontend = Int(session.pointee.frontend)
        let options = state.frontendLogs[frontend].pointee.options
        startLine(session)
        line.append(" ")
        appendServer(session)
        line.append(" ")
        appendTimes(session)
        line.append(options.contains(.early) ? "/+" : "/")
        line.append(time - session.pointee.acceptedAt)
        line.append(options.contains(.early) ? " +" : " ")
        line.append(Int64(bytes))
        line.append(" ")
        line.append(byte: session.pointee.termination.cause)
        line.append(byte: session.pointee.termination.phase)
        line.append(" ")
        appendCounts(session)
        send(hasError(session) ? errorLevel(frontend) : .info, frontend)
    }

    /// True for a session with an error, a retry or a redispatch: `option dontlog-normal` does not hide it.
    private func hasError(_ session: UnsafeMutablePointer<Session>) -> Bool {
        !session.pointee.termination.isNormal || session.pointee.isRedispatched || session.pointee.retries > 0
    }

    /// The level of lines about errors: `option log-separate-errors`.
    private func errorLevel(_ frontend: Int) -> LogLevel { state.frontendLogs[frontend].pointee.options.contains(.raisesErrors) ? .error : .info }

    /// `127.0.0.1:38674 [22/Nov/2026:17:34:14.105] mysql/1: Received something ...`: HAProxy's line for a refused connection.
    mutating func logRefusal(_ session: UnsafeMutablePointer<Session>, _ reason: ProxyHeaderRefusal) {
        let frontend = Int(session.pointee.frontend)
        let settings = state.frontendLogs[frontend]
        // A port scan closes immediately. A client that waited longer than a header may take is worth a line.
        let isQuiet = reason.isDisconnect && now - session.pointee.acceptedAt < Self.headerMilliseconds
        guard settings.pointee.targetCount > 0, !(settings.pointee.hidesEmptySessions && isQuiet) else { return }
        startLine(session)
        line.append("/")
        line.append(listenerNames[Int(session.pointee.listener)])
        line.append(": ")
        line.append(Array(reason.rawValue.utf8))
        send(errorLevel(frontend), frontend)
    }

    /// `%ci:%cp [%t] %ft`.
    private mutating func startLine(_ session: UnsafeMutablePointer<Session>) {
        line.clear()
        append(session.pointee.clientAddress)
        line.append(" [")
        stamp.move(to: session.pointee.acceptedWall / 1000)
        line.append(stamp.bytes)
        line.append(".")
        line.append(session.pointee.acceptedWall % 1000, width: 3)
        line.append("] ")
        line.append(state.frontendNames[Int(session.pointee.frontend)].pointee.bytes)
    }

    private mutating func appendServer(_ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.hasBackend else {
            line.append(state.frontendNames[Int(session.pointee.frontend)].pointee.bytes)
            return line.append("/<NOSRV>")
        }
        line.append(state.backendNames[Int(session.pointee.backend)].pointee.bytes)
        line.append("/")
        guard session.pointee.serverIndex != Session.noServer else { return line.append("<NOSRV>") }
        line.append(state.serverNames[Int(session.pointee.serverIndex)].pointee.bytes)
    }

    /// `%Tw/%Tc`.
    private mutating func appendTimes(_ session: UnsafeMutablePointer<Session>) {
        let assigned = session.pointee.assignedAt
        let wasQueued = session.pointee.termination == Termination("s", "Q") || session.pointee.termination == Termination("C", "Q")
        line.append(assigned >= 0 ? assigned - session.pointee.acceptedAt : wasQueued ? now - session.pointee.acceptedAt : -1)
        line.append("/")
        line.append(session.pointee.connectedAt >= 0 ? session.pointee.connectedAt - assigned : -1)
    }

    private mutating func appendCounts(_ session: UnsafeMutablePointer<Session>) {
        line.append(Int64(state.process[0].pointee.sessions.value))
        line.append("/")
        line.append(Int64(state.frontendCells[Int(session.pointee.frontend)].pointee.sessions.value))
        line.append("/")
        line.append(session.pointee.hasBackend ? Int64(state.backendCells[Int(session.pointee.backend)].pointee.sessions.value) : 0)
        line.append("/")
        let server = session.pointee.serverIndex
        line.append(server == Session.noServer ? 0 : Int64(state.serverCells[Int(server)].pointee.sessions.value))
        line.append("/")
        if session.pointee.isRedispatched { line.append("+") }
        line.append(Int64(session.pointee.retries))
        line.append(" ")
        let position = Int64(session.pointee.queuePosition)
        line.append(session.pointee.isQueuedAtServer ? position : 0)
        line.append("/")
        line.append(session.pointee.isQueuedAtServer ? 0 : position)
    }

    /// `127.0.0.1:38674`, or `unix:1`.
    private mutating func append(_ address: KernelAddress) {
        address.withAddress { line.append(addressOf: $0, $1) }
        line.append(":")
        line.append(address.address == nil ? 1 : Int64(address.port))
    }

    /// Sends `line` to the frontend's log targets.
    mutating func send(_ level: LogLevel, _ frontend: Int) {
        log.add(level, state.logFrame(ofFrontend: frontend), text: line.bytes, now: wallNow())
    }
}
