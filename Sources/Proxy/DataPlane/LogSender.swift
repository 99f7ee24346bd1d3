import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

/// A log target with its name resolved to an address.
package struct LogDestination: Hashable, Sendable {
    /// The kind of destination and its address.
    package enum Place: Hashable, Sendable {
        /// UDP.
        case datagram(SocketAddress)
        /// A UNIX datagram socket.
        case local(LocalLogSocket)
        /// 1 or 2.
        case descriptor(Int32)
    }

    /// Where the lines are sent.
    package var place: Place
    /// The syslog facility's number.
    package var facility: Int
    /// Less severe lines are dropped.
    package var leastSevere: LogLevel
    /// More severe lines are sent with this level.
    package var mostSevere: LogLevel
    /// The maximum length of a line in bytes, without the newline.
    package var lengthMax: Int
    /// The framing.
    package var format: LogFormat

    /// Creates the destination of `target`, which is resolved to `place`.
    package init(_ target: LogTarget, place: Place) {
        self.place = place
        facility = target.facility
        leastSevere = target.leastSevere
        mostSevere = target.mostSevere
        lengthMax = target.lengthMax
        format = target.format
    }
}

/// A proxy's log targets and tag, as plain values and addresses, so that copying retains nothing.
package struct LogFrame {
    /// Indexes into the destinations.
    package let targets: UnsafeBufferPointer<Int>
    /// The tag's bytes.
    package let tag: UnsafeRawBufferPointer

    /// Creates a frame. `targets` and `tag` must outlive it.
    package init(targets: UnsafeBufferPointer<Int>, tag: UnsafeRawBufferPointer) { (self.targets, self.tag) = (targets, tag) }
}

/// Sends one thread's log lines without blocking. `flush` hands a bounded batch to the kernel.
///
/// Lines that a target does not take immediately are counted as dropped.
package struct LogSender: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var offset: Int
        var count: Int
        var destination: Int
    }

    /// The way to a destination.
    private enum Transport: BitwiseCopyable {
        /// An unconnected UDP socket.
        case datagram(Int32)
        /// A connected UNIX socket.
        case local(Int32)
        /// stdout or stderr.
        case output(LogOutput.Transport)
    }

    /// The values of a destination that writing a line needs.
    private struct Target: BitwiseCopyable {
        let transport: Transport
        let address: RawSocketAddress
        let facility: Int
        let leastSevere: LogLevel
        let mostSevere: LogLevel
        let lengthMax: Int
        let isFramed: Bool
    }

    private static let batchBytes = 65_536
    private static let entriesMax = 256
    /// The most lines per system call; the limit of `clinux_send_datagrams`.
    private static let linesPerCall = 64

    private let destinations: [LogDestination]
    private let targets: UnsafeMutablePointer<Target>
    private let targetCount: Int
    private let sockets: [OpenFile]
    private let outputs: [LogOutput]
    private let process: SharedCells<ProcessCell>
    private let batch = UnsafeMutableRawPointer.allocate(byteCount: batchBytes, alignment: 64)
    private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: entriesMax)
    private var batchUsed = 0
    private var entryCount = 0
    private var line = LineBuilder(capacity: 65_536)
    /// "[123]: ".
    private var processIdentifier = LineBuilder(capacity: 16)
    /// "Nov  2 17:12:36 ", formatted once a second.
    private var stamp = LineBuilder(capacity: 32)
    private var stampSecond: Int64 = -1

    /// Creates a sender to `destinations`. Targets are indexes into them.
    ///
    /// - Parameter sendBytes: the send buffer of each socket; 0 for the default.
    package init(destinations: [LogDestination], process: SharedCells<ProcessCell>, sendBytes: Int32 = 0) throws(SystemError) {
        var buffers = SocketBuffers()
        buffers.send = sendBytes
        var sockets: [OpenFile] = []
        var outputs: [LogOutput] = []
        var byFamily: [sa_family_t: Int32] = [:]
        var transports: [(Transport, RawSocketAddress)] = []
        for destination in destinations {
            switch destination.place {
            case .datagram(let address):
                let raw = RawSocketAddress(address)
                if byFamily[raw.storage.ss_family] == nil {
                    let file = OpenFile(try Sockets.open(.datagram, for: address))
                    buffers.set(on: file.raw)
                    sockets.append(file)
                    byFamily[raw.storage.ss_family] = file.raw
                }
                transports.append((.datagram(byFamily[raw.storage.ss_family] ?? -1), raw))
            case .local(let socket):
                buffers.set(on: socket.raw)
                transports.append((.local(socket.raw), RawSocketAddress()))
            case .descriptor(let raw):
                let output = LogOutput(raw)
                outputs.append(output)
                transports.append((.output(output.transport), RawSocketAddress()))
            }
        }
        targetCount = transports.count
        targets = .allocate(capacity: max(1, targetCount))
        for (index, (transport, address)) in transports.enumerated() {
            let destination = destinations[index]
            let target = Target(
                transport: transport, address: address, facility: destination.facility, leastSevere: destination.leastSevere,
                mostSevere: destination.mostSevere,
                lengthMax: destination.lengthMax, isFramed: destination.format == .rfc3164)
            (targets + index).initialize(to: target)
        }
        self.destinations = destinations
        self.process = process
        (self.sockets, self.outputs) = (sockets, outputs)
        processIdentifier.append("[")
        processIdentifier.append(Int64(getpid()))
        processIdentifier.append("]: ")
    }

    deinit {
        targets.deallocate()
        batch.deallocate()
        entries.deallocate()
    }

    /// Adds `text`, which has no newline, as a line for each target of `frame`.
    package mutating func add(_ level: LogLevel, _ frame: LogFrame, text: UnsafeRawBufferPointer, now: WallTime) {
        for target in frame.targets {
            precondition(target >= 0 && target < targetCount, "log target \(target) of \(targetCount)")
            let destination = targets + target
            guard level <= destination.pointee.leastSevere else { continue }
            line.clear()
            if destination.pointee.isFramed {
                let severity = max(level, destination.pointee.mostSevere)
                line.append(byte: UInt8(ascii: "<"))
                line.append(Int64(destination.pointee.facility * 8 + severity.rawValue))
                line.append(byte: UInt8(ascii: ">"))
                moveStamp(to: now)
                line.append(stamp.bytes)
                line.append(frame.tag)
                line.append(processIdentifier.bytes)
            }
            line.append(UnsafeRawBufferPointer(rebasing: text.prefix(max(0, destination.pointee.lengthMax - line.count))))
            line.append(byte: UInt8(ascii: "\n"))
            queue(for: target)
        }
    }

    /// Adds a line as above, for threads that log rarely and keep their targets in arrays.
    package mutating func add(_ level: LogLevel, tag: [UInt8], text: UnsafeRawBufferPointer, to targets: [Int], now: WallTime) {
        targets.withUnsafeBufferPointer { targets in
            tag.withUnsafeBytes { add(level, LogFrame(targets: targets, tag: $0), text: text, now: now) }
        }
    }

    /// Hands the batch to the kernel. Call it before the thread sleeps.
    package mutating func flush() {
        var index = 0
        while index < entryCount {
            let destination = entries[index].destination
            var end = index + 1
            while end < entryCount, entries[end].destination == destination, end - index < Self.linesPerCall { end += 1 }
            let taken = if case .output(let transport) = targets[destination].transport { write(index..<end, transport) } else { send(index..<end) }
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

    private mutating func moveStamp(to now: WallTime) {
        guard now.seconds != stampSecond else { return }
        stampSecond = now.seconds
        let time = now.local
        stamp.clear()
        stamp.append(monthOf: time)
        stamp.append(time.day < 10 ? "  " : " ")
        stamp.append(Int64(time.day))
        stamp.append(" ")
        stamp.append(clockOf: time)
        stamp.append(" ")
    }

    private mutating func send(_ range: Range<Int>) -> Int {
        let destination = entries[range.lowerBound].destination
        return withUnsafeTemporaryAllocation(of: clinux_datagram.self, capacity: Self.linesPerCall) { datagrams in
            var place = 0
            for index in range {
                datagrams[place] = clinux_datagram(bytes: UnsafeRawPointer(batch + entries[index].offset), count: UInt32(entries[index].count))
                place += 1
            }
            var taken = 0
            while taken < range.count {
                let (first, count) = (datagrams.baseAddress.map { UnsafePointer($0 + taken) }, UInt32(range.count - taken))
                let sent = send(first, count, to: destination)
                guard sent > 0 else { break }
                taken += Int(sent)
            }
            return taken
        }
    }

    /// Hands datagrams to the kernel. Returns the number that it took, or a negative errno.
    private mutating func send(_ datagrams: UnsafePointer<clinux_datagram>?, _ count: UInt32, to destination: Int) -> Int32 {
        let target = targets + destination
        switch target.pointee.transport {
        case .datagram(let socket): return target.pointee.address.withPointer { clinux_send_datagrams(socket, $0, $1, datagrams, count) }
        case .local(let socket):
            let sent = clinux_send_datagrams(socket, nil, 0, datagrams, count)
            guard sent < 0, reconnects(destination, after: -sent) else { return sent }
            return clinux_send_datagrams(socket, nil, 0, datagrams, count)
        case .output: return 0
        }
    }

    private mutating func reconnects(_ destination: Int, after code: Int32) -> Bool {
        if case .local(let socket) = destinations[destination].place { socket.connectAgain(after: code) } else { false }
    }

    /// Writes lines to stdout or stderr. Returns the number of lines that were taken.
    private mutating func write(_ range: Range<Int>, _ transport: LogOutput.Transport) -> Int {
        var taken = 0
        for index in range where transport.write(UnsafeRawBufferPointer(start: batch + entries[index].offset, count: entries[index].count)) { taken += 1 }
        return taken
    }
}

/// Writes to an inherited descriptor without blocking and without changing how other processes write to it.
///
/// O_NONBLOCK belongs to the open file, which parent and siblings share. So a pipe or a terminal is reopened by its name in /proc, and a socket (the journal's)
/// gets the flag with each call. Where /proc is unavailable, poll(2) is called first; when two threads poll at the same time, one of them may still block.
/// Writing to a regular file does not block. It is not reopened, because a second file position would overwrite the lines of other writers.
struct LogOutput: Sendable {
    /// The way to write to it.
    enum Transport: BitwiseCopyable, Sendable {
        case opened(Int32), socket(Int32), polled(Int32)

        /// Writes a line. Returns false when it was not taken.
        func write(_ line: UnsafeRawBufferPointer) -> Bool {
            switch self {
            case .opened(let raw): return Glibc.write(raw, line.baseAddress, line.count) > 0
            case .socket(let raw): return send(raw, line.baseAddress, line.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) > 0
            case .polled(let raw):
                var poll = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
                guard Glibc.poll(&poll, 1, 0) == 1, poll.revents & Int16(POLLOUT) != 0 else { return false }
                return Glibc.write(raw, line.baseAddress, line.count) > 0
            }
        }
    }

    let transport: Transport
    /// The reopened file, kept open for `transport`.
    private let file: OpenFile?

    /// Creates an output for descriptor `raw`, which must stay open as long as this value exists.
    init(_ raw: Int32) {
        var status = stat()
        let kind = fstat(raw, &status) == 0 ? status.st_mode & S_IFMT : 0
        guard kind != S_IFSOCK, kind != S_IFREG else {
            (transport, file) = (kind == S_IFSOCK ? .socket(raw) : .polled(raw), nil)
            return
        }
        let again = open("/proc/self/fd/\(raw)", O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC)
        file = again >= 0 ? OpenFile(FileDescriptor(owning: again)) : nil
        transport = again >= 0 ? .opened(again) : .polled(raw)
    }
}
