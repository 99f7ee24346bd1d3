import Foundation

// The coordinator, unless it is a process that the coordinator started (`server` or `load`), or another benchmark, `runtime` or `scale`.
let arguments = Array(CommandLine.arguments.dropFirst())
do {
    switch arguments.first {
    case "server": try Subcommands.server(Array(arguments.dropFirst()))
    case "load": try Subcommands.load(Array(arguments.dropFirst()))
    case "runtime":
        Interruption.install()
        try RuntimeFlood.run(Array(arguments.dropFirst()))
    case "scale": exit(try ScaleBenchmark.run(Array(arguments.dropFirst())))
    case "--help", "-h": print(Options.usage)
    default: exit(try coordinate(arguments))
    }
} catch let error as UsageError {
    FileHandle.standardError.write(Data("benchmark: \(error.message)\n".utf8))
    exit(2)
} catch is Interruption.Interrupted {
    FileHandle.standardError.write(Data("benchmark: interrupted\n".utf8))
    exit(130)
} catch {
    FileHandle.standardError.write(Data("benchmark: \(error)\n".utf8))
    exit(1)
}

/// Runs the benchmark and prints its report. Returns the exit status.
func coordinate(_ arguments: [String]) throws -> Int32 {
    let options = try Options.parse(arguments)
    Interruption.install()
    let report = try Coordinator(options).run()
    print(report.text)
    if let file = options.resultsFile { try report.json().write(to: URL(fileURLWithPath: file)) }
    return report.isGood ? 0 : 1
}
