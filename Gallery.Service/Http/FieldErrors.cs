namespace Gallery.Service.Http;

/// <summary>What is wrong with the fields of one request, gathered so that the caller sees all of it at once.</summary>
internal sealed class FieldErrors
{
    private const string SeveralKinds = "validation_failed";
    private const int MostFields = 16;   // an answer stays small, however many unknown fields a body holds

    private readonly Dictionary<string, List<string>> _messages = [];
    private string? _code;

    public bool Any => _messages.Count > 0;

    /// <param name="field">The field's name on the wire.</param>
    /// <param name="message">One sentence that names the bound and the cure.</param>
    /// <param name="code">The problem's code, if this is all that is wrong.</param>
    public void Add(string field, string message, string code = SeveralKinds)
    {
        if (_messages.Count == MostFields && !_messages.ContainsKey(field)) return;
        _code = _code is null || _code == code ? code : SeveralKinds;
        if (!_messages.TryGetValue(field, out var messages)) _messages[field] = messages = [];
        if (!messages.Contains(message)) messages.Add(message);
    }

    /// <summary>The problem of one field alone.</summary>
    public static ProblemResult Of(string field, string message, string code = SeveralKinds)
    {
        var errors = new FieldErrors();
        errors.Add(field, message, code);
        return errors.ToProblem();
    }

    public ProblemResult ToProblem() =>
        new(
            StatusCodes.Status400BadRequest,
            _code!,
            _messages.Count == 1 && _messages.Values.Single() is [var only] ? only : $"These fields are not valid: {string.Join(", ", _messages.Keys)}.",
            _messages.ToDictionary(field => field.Key, field => field.Value.ToArray()));
}
