using System.CommandLine;
using System.CommandLine.Parsing;

namespace Gallery.Sql;

/// <summary>What is wrong with a command line. It repeats no value and only the beginning of an unknown word, because each may be a URL with a password.</summary>
internal static class CommandFault
{
    public static string Explain(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [var word, ..]) return $"Unknown word on the command line: {word.Split('=', ':', '@')[0]}. See --help.";

        // System.CommandLine quotes a value that it cannot use.
        var message = parsed.Tokens.Where(token => token.Type == TokenType.Argument && token.Value.Length > 0)
            .Aggregate(parsed.Errors[0].Message, (text, token) => text.Replace($"'{token.Value}'", "'…'", StringComparison.Ordinal));
        return $"{message} See --help.";
    }
}
