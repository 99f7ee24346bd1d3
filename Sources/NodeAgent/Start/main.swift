import Glibc

exit(Startup.run(arguments: Array(CommandLine.arguments.dropFirst()), environment: ConfigurationFiles.environment()))
