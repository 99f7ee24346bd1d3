// The programs that the cluster tests and the demonstration run inside namespaces: clients, load, a receiver of log lines, a slow link, a stub, scripted
// servers, and the namespaces' first process.

import Foundation
import Support

/// Ends the program with one line.
func fail(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("ClusterTool: \(reason)\n".utf8))
    exit(2)
}

/// Prints one JSON line.
func printLine(_ value: some Encodable) {
    guard let line = try? JSONEncoder().encode(value) else { fail("a result could not be encoded") }
    FileHandle.standardOutput.write(line + Data("\n".utf8))
}

/// Waits until the parent closes standard input, or ends.
func waitForEndOfInput() {
    var byte: UInt8 = 0
    while true {
        let count = read(0, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { return }
    }
}

signal(SIGPIPE, SIG_IGN)
let words = Array(CommandLine.arguments.dropFirst())
let arguments = Arguments(Array(words.dropFirst()))
switch words.first {
case "hold": holdNamespaces(removing: arguments.text("remove"))
case "query": queryRepeatedly(arguments)
case "load": runLoad(arguments)
case "abandon": abandon(arguments)
case "sessions": runSessions(arguments)
case "database": holdDatabaseSessions(arguments)
case "storm": storm(arguments)
case "watch": watch(arguments)
case "log-receiver": receiveLogs(arguments)
case "relay": relay(arguments)
case "beat": beat(arguments)
case "fault": serveFault(arguments)
case "name-fault": serveNameFault(arguments)
case "accept": acceptConnections(arguments)
case "inject": inject(arguments)
case "activate": activate(arguments)
case "stage": do { try Stage(path: arguments.text("socket")).serve() } catch { fail("\(error)") }
case "stub":
    let (address, port) = arguments.endpoint("listen")
    do { try MySQLStub(name: arguments.text("name"), address: address, port: port).serve() } catch { fail("\(error)") }
default:
    fail(
        "usage: ClusterTool hold|query|load|abandon|sessions|database|storm|watch|log-receiver|relay|stub|beat|accept|fault|name-fault|inject|activate|stage --name value ..."
    )
}
