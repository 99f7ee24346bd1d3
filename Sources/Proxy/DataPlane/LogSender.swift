import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// Where log lines go, once names are resolved.
package struct LogDestination: Hashable, Sendable {
    /// A datagram socket's address, or stdout and stderr.
    package enum Place: Hashable, Sendable {
        /// UDP.
        case datagram(SocketAddress)
        /// A UNIX datagram socket.
        case local(LocalLogSocket)
        /// 1 or 2.
        case descriptor(Int32)
    }

    /// Where.
    package var place: Place
    /// The syslog facility's number.
    package var facility: Int
    /// Lines less severe than this are dropped.
    package var leastSevere: LogLevel
    /// Lines more severe than this are sent as this.
    package var mostSevere: LogLevel
    /// The longest line, in bytes without the newline.
    package var lengthMax: Int
    /// The framing.
    package var format: LogFormat

    /// `target`, resolved to `place`.
    package init(_ target: LogTarget, place: Place) {
        self.place = place
        facility = target.facility
        leastSevere = target.leastSevere
        mostSevere = target.mostSevere
        lengthMax = target.lengthMax
        format = target.format
    }
}

/// Sends log lines without ever waiting: one thread's own sockets, and a bounded batch that `flush` hands to the kernel.
///
/// What a target does not take at once is counted as dropped.
package struct LogSender: ~Copyable {
    private struct Entry {
        var offset: Int
        var count: Int
        var destination: Int
    }

    private static let batchBytes = 65_536
    private static let entriesMax = 256
    /// Lines of one system call: what `clinux_send_datagrams` takes.
    private static let linesPerCall = 64

    private let destinations: [LogDestination]
    private let addresses: [RawSocketAddress]
    /// The index of the socket, by destination; -1 for a destination without UDP.
    private let socketOf: [Int32]
    private let sockets: [OpenFile]
    /// By destination: how stdout and stderr are written to.
    private let outputs: [LogOutput?]
    private let process: SharedCells<ProcessCell>
    private let processIdentifier: [UInt8]
    private let batch = UnsafeMutableRawPointer.allocate(byteCount: batchBytes, alignment: 64)
    private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: entriesMax)
    private var batchUsed = 0
    private var entryCount = 0
    private var line = LineBuilder(capacity: 65_536)
    private var stamp: [UInt8] = []
    private var stampSecond: Int64 = -1

    /// A sender to `destinations`, whose indexes `add` takes.
    package init(destinations: [LogDestination], process: SharedCells<ProcessCell>) throws(SystemError) {
        self.destinations = destinations
        self.process = process
        processIdentifier = Array("[\(getpid())]: ".utf8)
        var sockets: [OpenFile] = []
        var byFamily: [sa_family_t: Int32] = [:]
        var socketOf: [Int32] = []
        var addresses: [RawSocketAddress] = []
        for destination in destinations {
            guard case .datagram(let address) = destination.place else {
                socketOf.append(-1)
                addresses.append(RawSocketAddress())
                continue
            }
            let raw = RawSocketAddress(address)
            if byFamily[raw.storage.ss_family] == nil {
                let file = OpenFile(try Sockets.open(.datagram, for: address))
                sockets.append(file)
                byFamily[raw.storage.ss_family] = file.raw
            }
            socketOf.append(byFamily[raw.storage.ss_family] ?? -1)
            addresses.append(raw)
        }
        self.sockets = sockets
        outputs = destinations.map { if case .descriptor(let raw) = $0.place { LogOutput(raw) } else { nil } }
        self.socketOf = socketOf
        self.addresses = addresses
    }

    deinit {
        batch.deallocate()
        entries.deallocate()
    }

    /// Adds a line of `text` (no newline) for each of `targets`, with `tag` before the process identifier.
    package mutating func add(_ level: LogLevel, tag: [UInt8], text: UnsafeRawBufferPointer, to targets: [Int], now: WallTime) {
        for target in targets {
            let destination = destinations[target]
            guard level <= destination.leastSevere else { continue }
            line.clear()
            if destination.format == .rfc3164 {
                let severity = max(level, destination.mostSevere)
                line.append(byte: UInt8(ascii: "<"))
                line.append(Int64(destination.facility * 8 + severity.rawValue))
                line.append(byte: UInt8(ascii: ">"))
                appendStamp(now)
                line.append(tag)
                line.append(processIdentifier)
            }
            line.append(UnsafeRawBufferPointer(rebasing: text.prefix(max(0, destination.lengthMax - line.count))))
            line.append(byte: UInt8(ascii: "\n"))
            queue(for: target)
        }
    }

    /// Hands the batch to the kernel. To be called before the thread sleeps.
    package mutating func flush() {
        var index = 0
        while index < entryCount {
            let destination = entries[index].destination
            var end = index + 1
            while end < entryCount, entries[end].destination == destination, end - index < Self.linesPerCall { end += 1 }
            let taken = outputs[destination] != nil ? write(index..<end) : send(index..<end)
            if taken < end - index { _ = process[0].pointee.droppedLogs.wrappingAdd(UInt64(end - index - taken), ordering: .relaxed) }
            index = end
        }
        (entryCount, batchUsed) = (0, 0)
    }

    private mutating func queue(for destination: Int) {
        if entryCount == Self.entriesMax || batchUsed + line.count > Self.batchBytes { flush() }
        (batch + batchUsed).copyMemory(from: line.bytes.baseAddress ?? UnsafeRawPointer(batch), byteCount: line.count)
        entries[entryCount] = Entry(offset: batchUsed, count: line.count, destination: destination)
        entryCount += 1
        batchUsed += line.count
    }

    /// "Nov  2 17:12:36 ", made once a second.
    private mutating func appendStamp(_ now: WallTime) {
        if now.seconds != stampSecond {
            stampSecond = now.seconds
            let time = now.local
            stamp = Array("\(time.monthName) \(time.day < 10 ? " " : "")\(time.day) \(time.clock) ".utf8)
        }
        line.append(stamp)
    }

    private func send(_ range: Range<Int>) -> Int {
        let destination = entries[range.lowerBound].destination
        return withUnsafeTemporaryAllocation(of: clinux_datagram.self, capacity: Self.linesPerCall) { datagrams in
            for (place, index) in range.enumerated() {
                datagrams[place] = clinux_datagram(bytes: UnsafeRawPointer(batch + entries[index].offset), count: UInt32(entries[index].count))
            }
            var taken = 0
            while taken < range.count {
                let (first, count) = (datagrams.baseAddress.map { UnsafePointer($0 + taken) }, UInt32(range.count - taken))
                let sent: Int32 =
                    if case .local(let socket) = destinations[destination].place { socket.send(first, count) } else {
                        addresses[destination].withPointer { clinux_send_datagrams(socketOf[destination], $0, $1, first, count) }
                    }
                guard sent > 0 else { break }
                taken += Int(sent)
            }
            return taken
        }
    }

    /// Lines to stdout and stderr: those that are taken at once.
    private func write(_ range: Range<Int>) -> Int {
        guard let output = outputs[entries[range.lowerBound].destination] else { return 0 }
        var taken = 0
        for index in range where output.write(UnsafeRawBufferPointer(start: batch + entries[index].offset, count: entries[index].count)) { taken += 1 }
        return taken
    }
}

/// Writes to an inherited descriptor without ever waiting, whatever is behind it, and without changing how others write to it.
///
/// O_NONBLOCK belongs to the open file, which our parent and siblings share. So a pipe or a terminal is opened anew by its name in /proc; a socket
/// (the journal's) takes the flag with each call. Where /proc is out of reach poll(2) is asked first; two threads may then ask at once, and one may wait.
/// A file makes nobody wait, and is written to as it is: opened anew it would have a position of its own, and its other writers would write over our lines.
struct LogOutput: Sendable {
    private enum Way: Sendable {
        case opened(OpenFile), socket(Int32), polled(Int32)
    }

    private let way: Way

    /// For descriptor `raw`, which stays open as long as this.
    init(_ raw: Int32) {
        var status = stat()
        let kind = fstat(raw, &status) == 0 ? status.st_mode & S_IFMT : 0
        guard kind != S_IFSOCK, kind != S_IFREG else {
            way = kind == S_IFSOCK ? .socket(raw) : .polled(raw)
            return
        }
        let again = open("/proc/self/fd/\(raw)", O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC)
        way = again >= 0 ? .opened(OpenFile(FileDescriptor(owning: again))) : .polled(raw)
    }

    /// False when the line was not taken.
    func write(_ line: UnsafeRawBufferPointer) -> Bool {
        switch way {
        case .opened(let file): return Glibc.write(file.raw, line.baseAddress, line.count) > 0
        case .socket(let raw): return send(raw, line.baseAddress, line.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) > 0
        case .polled(let raw):
            var poll = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
            guard Glibc.poll(&poll, 1, 0) == 1, poll.revents & Int16(POLLOUT) != 0 else { return false }
            return Glibc.write(raw, line.baseAddress, line.count) > 0
        }
    }
}
