using Gallery.Sql.Migrations.Commands;

namespace Gallery.Sql;

internal static class MigratorProgram
{
    private static Task<int> Main(string[] args)
    {
        // Npgsql would add the shell's PGOPTIONS to the connection; what a script does must not depend on it.
        Environment.SetEnvironmentVariable("PGOPTIONS", null);
        return CommandLine.RunAsync(args);
    }
}
