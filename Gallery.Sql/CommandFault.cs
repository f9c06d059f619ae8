using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;

namespace Gallery.Sql;

/// <summary>
/// What is wrong with a command line. It repeats no value, because each may be a secret. It repeats an unknown word only up to the first <c>=</c>, <c>:</c> or
/// <c>@</c>, because the rest may be a password, and only if that part looks like a command, an option or a setting.
/// </summary>
internal static partial class CommandFault
{
    public static string Explain(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [var word, ..])
            return Plain().Match(word.Split('=', ':', '@')[0]) is { Success: true, Value: var plain } ? $"Unknown word on the command line: {plain}. See --help." : "Unknown word on the command line. See --help.";

        // System.CommandLine quotes a value that it cannot use.
        var message = parsed.Tokens.Where(token => token.Type == TokenType.Argument && token.Value.Length > 0)
            .Aggregate(parsed.Errors[0].Message, (text, token) => text.Replace($"'{token.Value}'", "'…'", StringComparison.Ordinal));
        return $"{message} See --help.";
    }

    [GeneratedRegex("^(-{0,2}[a-z-]{1,20}|[A-Z_]+)\\z")]
    private static partial Regex Plain();
}
