using System.Diagnostics;
using System.Globalization;
using Gallery.Sql.Database;

namespace Gallery.Service.Transfers.Commands;

/// <summary>Shows on standard error how far a command is: as a bar on a terminal, otherwise as a line every few seconds.</summary>
/// <param name="done">What was done to the images, such as <c>exported</c>.</param>
internal sealed class Progress(string done)
{
    private const int Width = 30;
    private static readonly bool IsTerminal = !Console.IsErrorRedirected;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(IsTerminal ? 0.2 : 5);

    private readonly long _start = Stopwatch.GetTimestamp();
    private long _shown = Stopwatch.GetTimestamp();
    private bool _isOnScreen;

    /// <param name="count">Images so far.</param>
    /// <param name="part">The part of the whole that is done, 0 to 1. Null if it is unknown.</param>
    public void Show(long count, double? part)
    {
        if (Stopwatch.GetElapsedTime(_shown) < Interval) return;
        _shown = Stopwatch.GetTimestamp();
        var filled = (int)(Width * Math.Clamp(part ?? 0, 0, 1));
        var bar = part is null ? "" : IsTerminal
            ? $"[{new string('#', filled)}{new string('.', Width - filled)}] {part:0 %}  "
            : $"{part:0 %}  ";
        var text = string.Create(CultureInfo.InvariantCulture, $"{bar}{count:N0} {done}, {count / Stopwatch.GetElapsedTime(_start).TotalSeconds:N0} a second");
        Console.Error.Write(IsTerminal ? $"\r{text}  " : $"{text}\n");
        _isOnScreen = IsTerminal;
    }

    /// <summary>Writes a line that stays. It may have text from files and servers.</summary>
    public void Say(string line)
    {
        if (_isOnScreen) Console.Error.Write($"\r{new string(' ', 79)}\r");
        _isOnScreen = false;
        Console.Error.WriteLine(LogText.Line(line));
    }
}
