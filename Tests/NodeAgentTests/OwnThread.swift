import LinuxIO
import Synchronization

private final class Box: Sendable {
    let lines = Mutex<[String]>([])
}

/// Runs `body` in a separate thread: an agent blocks signals in its thread, which must not be another test's. Returns its lines, or the error as one line.
func inOwnThread(_ body: @escaping @Sendable () throws -> [String]) throws -> [String] {
    let box = Box()
    try Thread(named: "agent") {
        do {
            let lines = try body()
            box.lines.withLock { $0 = lines }
        } catch {
            box.lines.withLock { $0 = ["\(error)"] }
        }
    }.join()
    return box.lines.withLock { $0 }
}
