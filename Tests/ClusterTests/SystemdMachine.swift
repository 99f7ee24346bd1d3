import ClusterWorld
import Foundation
import Support

/// A machine whose first process is a real systemd: `Fixtures/systemd-machine`.
final class SystemdMachine {
    private let wrapper: ChildProcess
    private let firstProcess: Int32
    private let directory: String

    /// The reason why the machine cannot run here, or nil.
    static let hindrance: String? = {
        if geteuid() != 0 { return "needs root" }
        let needed = ["/usr/lib/systemd/systemd", "/usr/bin/systemctl", "/usr/bin/unshare", "/usr/bin/socat"]
        let missing = needed.filter { !FileManager.default.isExecutableFile(atPath: $0) }
        if !missing.isEmpty { return "needs \(missing.joined(separator: ", "))" }
        return (readWholeFile("/proc/mounts") ?? "").contains(" cgroup2 rw") ? nil : "needs a cgroup2 that can be written to"
    }()

    /// Boots it.
    init() throws {
        directory = "/tmp/tsk-machine-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let wrapper = try ChildProcess(["\(packageRoot)/Tests/ClusterTests/Fixtures/systemd-machine", directory], input: .heldPipe)
        self.wrapper = wrapper
        // wrapper -> unshare -> the machine's first process
        func first() -> Int32? {
            guard let unshare = wrapper.children.first, let children = readWholeFile("/proc/\(unshare)/task/\(unshare)/children") else { return nil }
            return children.split(separator: " ").first.flatMap { Int32($0) }
        }
        do {
            try eventually(within: 10, "the machine to boot: \(wrapper.output)", interval: 20) { wrapper.output.contains("booting") && first() != nil }
        } catch {
            wrapper.closeInput()
            throw error
        }
        firstProcess = first() ?? -1
        do {
            try eventually(within: 20, "systemd to run: \(wrapper.output)", interval: 50) { try run("systemctl is-system-running").output == "running\n" }
        } catch {
            end()
            throw error
        }
    }

    /// Switches it off.
    func end() {
        wrapper.closeInput()
        _ = try? wrapper.wait(within: 20)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Runs a line of bash in the machine.
    func run(_ line: String, within seconds: Double = 20) throws -> (status: Int32, output: String) {
        try ChildProcess.run(["nsenter", "--target", "\(firstProcess)", "--all", "--", "bash", "-c", line], within: seconds)
    }

    /// Runs a line of bash in the machine that must succeed.
    @discardableResult
    func demand(_ line: String, within seconds: Double = 20) throws -> String {
        let (status, output) = try run(line, within: seconds)
        guard status == 0 else { throw ChildProcessError(description: "'\(line)' ended with \(status): \(output)\n\(try journal())") }
        return output
    }

    /// Starts a line of bash that keeps running.
    func start(_ line: String) throws -> ChildProcess {
        try ChildProcess(["nsenter", "--target", "\(firstProcess)", "--all", "--", "bash", "-c", line], input: .heldPipe)
    }

    /// Writes a file of the machine; its folder must exist.
    func write(_ text: String, to path: String) throws {
        try "\(text)\n".write(toFile: outside(path), atomically: false, encoding: .utf8)
    }

    /// Copies a file into the machine by `cp`. If this process wrote the file, a child started meanwhile could inherit the open descriptor, and the program could
    /// not be started (ETXTBSY).
    func copy(_ source: String, to path: String) throws { try ChildProcess.demand(["cp", source, outside(path)]) }

    /// The path by which a file of the machine is reached from here.
    private func outside(_ path: String) -> String { "/proc/\(firstProcess)/root\(path)" }

    /// The last lines of the machine's journal.
    func journal() throws -> String { try run("journalctl --no-pager -n 40").output }

    /// A property of a unit.
    func property(_ name: String, of unit: String = "tsukada") throws -> String {
        try demand("systemctl show --value -p \(name) \(unit)").trimmingCharacters(in: .newlines)
    }
}
